"""The paired t-test, the one test of differences: of boards, headlines, contrasts and claims.

Which test? Under the null with a task-by-method interaction, seeds nested and tasks clustered by split, six methods and
Holm over their 15 pairs (tests/statistics/test_simulation.py), the percentile interval of the two-level bootstrap finds a
difference in 47 % of boards with 6 splits, 33 % with 8 and 22 % with 12: so few clusters hold too little of the tail.
Studentised, the bootstrap holds its level, but among 6 splits one resample in 7776 is a single split over and over, whose
t is infinite: the small p that Holm asks for are out of reach, and a difference of twice the smallest detectable one is
found in 38 % of boards (71 % with 8 splits). The signed-rank test cannot give a p below 2^(1-n) at all. Student's t on the
split means holds its level under normal, heavy-tailed and skewed noise (two equal methods have symmetric differences)
and keeps its power, so it decides; the bootstrap describes: shares of firsts, ranks.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

DECIMALS = 9  # of scores and differences, so that float noise neither breaks nor makes ties
MIN_CLUSTERS = 6  # rule X4


def paired_p(differences: ArrayLike) -> NDArray[np.float64]:
    """[..., splits] -> [...]: two-sided p of the paired t-test over the last axis; NaN below 6 splits (rule X4).

    Differences are rounded to 9 decimals. Without any spread there is no t: p is 1 where they are all 0, else the
    smallest that the signs alone can give, 2^(1-n).

    >>> paired_p([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]]).round(4)
    array([0.0059])
    """
    values = np.round(np.asarray(differences, dtype=float), DECIMALS)
    n = values.shape[-1]
    if n < MIN_CLUSTERS:
        return np.full(values.shape[:-1], np.nan)
    mean, error = values.mean(axis=-1), values.std(axis=-1, ddof=1) / np.sqrt(n)
    flat = np.ptp(values, axis=-1) == 0
    t = mean / np.where(flat, 1.0, error)
    constant = np.where(mean == 0, 1.0, 2.0 ** (1 - n))
    return np.asarray(np.where(flat, constant, 2 * stats.t.sf(np.abs(t), n - 1)))
