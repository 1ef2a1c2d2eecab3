"""All pairs of a board: paired differences of split means, tested with Holm over all pairs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskbank.statistics.holm import holm
from maskbank.statistics.paired import MIN_CLUSTERS, paired_p
from maskbank.statistics.power import shift_needed

Array = NDArray[np.float64]


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
