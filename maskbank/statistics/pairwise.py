"""All pairs of a board: paired differences of split means, tested by Student's t with Holm over all pairs.

Which test? Under the null with a task-by-method interaction, seeds nested and tasks clustered by split, six methods and
Holm over their 15 pairs (tests/statistics/test_simulation.py), the percentile interval of the two-level bootstrap finds a
difference in 47 % of boards with 6 splits, 33 % with 8 and 22 % with 12: so few clusters hold too little of the tail.
Studentised, the bootstrap holds its level, but among 6 splits one resample in 7776 is a single split over and over, whose
t is infinite: the small p that Holm asks for are out of reach, and a difference of twice the smallest detectable one is
found in 38 % of boards (71 % with 8 splits). The signed-rank test cannot give a p below 2^(1-n) at all. Student's t on the
split means holds its level under normal, heavy-tailed and skewed noise (two equal methods have symmetric differences)
and keeps its power, so it decides; the bootstrap describes: shares of firsts, ranks.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from maskbank.statistics.contrast import MIN_CLUSTERS
from maskbank.statistics.holm import holm
from maskbank.statistics.power import shift_needed
from maskbank.statistics.wilcoxon import DECIMALS, smallest_p

Array = NDArray[np.float64]


def paired_p(differences: ArrayLike) -> Array:
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
    constant = np.where(mean == 0, 1.0, smallest_p(n))
    return np.asarray(np.where(flat, constant, 2 * stats.t.sf(np.abs(t), n - 1)))


@dataclass(frozen=True)
class PairTests:
    """Every pair of methods: left minus right, in the units of the scores.

    `left`, `right` [pairs] index `methods`; `p` and `p_holm` are NaN where there are fewer than 6 splits.
    """

    methods: tuple[str, ...]
    n: int
    left: NDArray[np.int_]
    right: NDArray[np.int_]
    differences: Array
    sd: Array
    p: Array
    p_holm: Array

    def differing(self, alpha: float) -> set[tuple[int, int]]:
        """(better, worse) of each pair that differs significantly after correction."""
        told = self.p_holm <= alpha
        pairs = zip(self.left[told], self.right[told], self.differences[told], strict=True)
        return {(int(left), int(right)) if gap > 0 else (int(right), int(left)) for left, right, gap in pairs}

    def floor(self, alpha: float, power: float = 0.8) -> float:
        """The smallest difference that a board of this design detects with this power, by Holm's first and hardest step.

        The spread is that of a typical pair (root mean square over pairs). NaN below 6 splits or without a pair.
        """
        if not len(self.sd) or self.n < MIN_CLUSTERS:
            return float("nan")
        spread = float(np.sqrt(np.mean(self.sd**2)))
        return shift_needed(self.n, alpha / len(self.sd), power) * spread / float(np.sqrt(self.n))


def pair_tests(methods: tuple[str, ...], clusters: ArrayLike) -> PairTests:
    """Test all pairs of clusters [methods, splits], the mean score of each method in each split.

    >>> found = pair_tests(("a", "b"), [[0.5, 0.6, 0.7, 0.5, 0.6, 0.7], [0.1, 0.2, 0.1, 0.1, 0.2, 0.1]])
    >>> found.differences.round(3), found.differing(0.05)
    (array([0.467]), {(0, 1)})
    """
    scores = np.asarray(clusters, dtype=float)
    left, right = np.triu_indices(len(methods), 1)
    gaps = scores[left] - scores[right]
    n = gaps.shape[1]
    p = paired_p(gaps)
    mean = gaps.mean(axis=1) if n else np.full(len(left), np.nan)
    sd = gaps.std(axis=1, ddof=1) if n > 1 else np.full(len(left), np.nan)
    return PairTests(methods, n, left, right, mean, sd, p, holm(p))
