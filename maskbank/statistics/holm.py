"""Holm's step-down correction inside a family of tests."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p of a family [tests] (Holm 1979).

    A test without a p (NaN) keeps its place in the family, as if its p were 1: refusing a test must not make the
    others easier. Its own adjusted p stays NaN.
    """
    given = np.asarray(p_values, dtype=float)
    filled = np.where(np.isnan(given), 1.0, given)
    order = np.argsort(filled, kind="stable")
    steps = np.maximum.accumulate(filled[order] * np.arange(len(filled), 0, -1))
    adjusted = np.empty_like(filled)
    adjusted[order] = np.minimum(steps, 1.0)
    return np.where(np.isnan(given), np.nan, adjusted)
