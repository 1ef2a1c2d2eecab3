"""Wilcoxon's signed-rank test of paired differences, exact given the ranks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

DECIMALS = 9
EXACT_UP_TO = 200
ZERO_METHOD = "pratt"


@dataclass(frozen=True)
class SignedRank:
    """Two-sided test. `positive`, `negative`: rank sums; `n` counts all differences, `zeros` those that are 0."""

    p: float
    positive: float
    negative: float
    n: int
    zeros: int

    @property
    def rank_biserial(self) -> float:
        """Matched-pairs rank-biserial correlation (Kerby 2014): -1 all lost, 0 balanced, 1 all won."""
        total = self.positive + self.negative
        return (self.positive - self.negative) / total if total else 0.0


def smallest_p(n: int) -> float:
    """Smallest two-sided p that n pairs can reach: all differences of one sign."""
    return min(1.0, 2.0 ** (1 - n))


def signed_rank(differences: ArrayLike) -> SignedRank:
    """Test that differences [n] are symmetric about 0.

    Differences are rounded to 9 decimals, so that float noise neither breaks nor makes ties. Zeros are ranked and then
    dropped (Pratt 1959). Up to 200 pairs p is exact: the sum over all sign patterns, given the midranks observed;
    above, the normal approximation.
    """
    values = np.round(np.asarray(differences, dtype=float), DECIMALS)
    ranks = stats.rankdata(np.abs(values))
    positive, negative = float(ranks[values > 0].sum()), float(ranks[values < 0].sum())
    zeros = int((values == 0).sum())
    if zeros == len(values):
        p = 1.0
    elif len(values) <= EXACT_UP_TO:
        p = exact_p(np.rint(2 * ranks[values != 0]).astype(int), round(2 * min(positive, negative)))
    else:
        p = float(stats.wilcoxon(values, zero_method=ZERO_METHOD, method="asymptotic").pvalue)
    return SignedRank(p, positive, negative, len(values), zeros)


def exact_p(doubled_ranks: NDArray[np.int_], smaller: int) -> float:
    """2 P(W <= smaller) over all 2^n equally likely signs; ranks are doubled so that midranks are whole."""
    chance = np.zeros(int(doubled_ranks.sum()) + 1)
    chance[0] = 1.0
    for rank in doubled_ranks:
        moved = np.zeros_like(chance)
        moved[rank:] = chance[: len(chance) - rank]
        chance = (chance + moved) / 2
    return min(1.0, 2 * float(chance[: smaller + 1].sum()))
