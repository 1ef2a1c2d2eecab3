"""Whether torchao is there. Knows neither it nor torch."""

import importlib.util

from maskbank.errors import InputError


def require_torchao() -> None:
    """Raises InputError where torchao is not installed; does not import it (which takes seconds)."""
    if importlib.util.find_spec("torchao") is None:
        raise InputError("torchao is not installed; models run in int8 need it: pip install 'maskbank[int8]'")
