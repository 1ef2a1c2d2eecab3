"""Power of a paired design, by the noncentral t distribution."""

from functools import lru_cache

import numpy as np
from scipy import optimize, stats

from maskbank.errors import InputError


def detection_power(shift: float, n: int, alpha: float = 0.05) -> float:
    """Chance that a two-sided paired t-test over n pairs rejects, when the mean is `shift` standard errors from 0."""
    critical = stats.t.isf(alpha / 2, n - 1)
    if shift - critical > 30:
        return 1.0
    opposite = stats.nct.cdf(-critical, n - 1, shift) if shift < critical else 0.0
    power = float(stats.nct.sf(critical, n - 1, shift) + opposite)
    return float(shift > critical) if np.isnan(power) else power  # far out in its tails scipy gives none


def minimal_detectable_effect(sd: float, n: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest true mean difference that n pairs of deviation `sd` find with the given power; NaN below n = 3."""
    if n < 3 or not np.isfinite(sd):
        return float("nan")
    return float(shift_needed(n, alpha, power) * sd / np.sqrt(n))


@lru_cache
def shift_needed(n: int, alpha: float, power: float) -> float:
    """Standard errors that the mean of n pairs must lie from 0 to be found with the given power."""
    critical = float(stats.t.isf(alpha / 2, n - 1))
    return float(optimize.brentq(lambda value: detection_power(value, n, alpha) - power, 0.0, 4 * critical + 4))


def pairs_needed(effect: float, sd: float, alpha: float = 0.05, power: float = 0.8, most: int = 100_000) -> int:
    """Smallest number of pairs, from 3 to `most`, that finds a mean difference `effect` with the given power.

    `most` where that many do not suffice, as for an effect of 0; 3 without any spread. InputError where `sd` is not known.

    >>> pairs_needed(0.02, 0.04)
    34
    """
    if not np.isfinite(sd):
        raise InputError(f"sd {sd}: give the deviation of the differences, a number")
    if sd <= 0 or effect == 0:
        return most if effect == 0 else 3

    def enough(n: int) -> bool:
        return n >= most or detection_power(abs(effect) / sd * np.sqrt(n), n, alpha) >= power

    normal = ((stats.norm.isf(alpha / 2) + stats.norm.ppf(power)) * sd / effect) ** 2
    low = int(np.clip(normal - 2, 3, most))  # Student's t asks for more than the normal distribution
    low = 3 if enough(low) else low
    step = 4
    while not enough(low + step):
        step *= 2
    high = min(low + step, most)
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return low
