"""Values as JSON holds them."""

import math
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """The same value in plain types: NumPy scalars become Python's, and a number that is not finite becomes null."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
