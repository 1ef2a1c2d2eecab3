"""Equivalence and non-inferiority of paired differences, by t-tests against a margin set beforehand."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


def not_below(differences: ArrayLike, bound: float) -> float:
    """One-sided p of "the mean of differences [n] is at most bound"; small p: the mean lies above it."""
    values = np.asarray(differences, dtype=float)
    if len(values) < 2:
        return float("nan")
    spread = values.std(ddof=1) / np.sqrt(len(values))
    if spread == 0:
        return float(values.mean() <= bound)
    return float(stats.t.sf((values.mean() - bound) / spread, len(values) - 1))


def tost(differences: ArrayLike, margin: float) -> float:
    """p of two one-sided tests (Schuirmann 1987): small p says that the mean lies within (-margin, margin)."""
    values = np.asarray(differences, dtype=float)
    if len(values) < 2:
        return float("nan")
    return max(not_below(values, -margin), not_below(-values, -margin))
