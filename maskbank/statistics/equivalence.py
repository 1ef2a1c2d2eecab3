"""Equivalence and non-inferiority of paired differences, by t-tests against a margin set beforehand."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


def above_p(mean: float, sd: float, n: int, bound: float) -> float:
    """One-sided p of "the mean is at most bound", from the mean and deviation of n differences; small p: it lies above."""
    if n < 2:
        return float("nan")
    if sd == 0:
        return float(mean <= bound)
    return float(stats.t.sf((mean - bound) / (sd / np.sqrt(n)), n - 1))


def below_p(mean: float, sd: float, n: int, bound: float) -> float:
    """The same of "the mean is at least bound"."""
    return above_p(-mean, sd, n, -bound)


def not_below(differences: ArrayLike, bound: float) -> float:
    """One-sided p of "the mean of differences [n] is at most bound"; small p: the mean lies above it."""
    values = np.asarray(differences, dtype=float)
    if len(values) < 2:
        return float("nan")
    return above_p(float(values.mean()), float(values.std(ddof=1)), len(values), bound)


def tost(differences: ArrayLike, margin: float) -> float:
    """p of two one-sided tests (Schuirmann 1987): small p says that the mean lies within (-margin, margin)."""
    values = np.asarray(differences, dtype=float)
    if len(values) < 2:
        return float("nan")
    return max(not_below(values, -margin), not_below(-values, -margin))
