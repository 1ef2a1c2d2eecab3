"""A contrast: everything said about one difference between two arms."""

import zlib
from dataclasses import dataclass

import numpy as np

from maskbank.config import Compare
from maskbank.statistics.effects import half_width, improvement_interval, improvements, tally
from maskbank.statistics.equivalence import not_below, tost
from maskbank.statistics.paired import MIN_CLUSTERS, paired_p
from maskbank.statistics.scores import Pairs

TESTED = "tested"
INSUFFICIENT = "too few to test"
INCOMPLETE = "incomplete"
NOT_RUN = "not run"
POINTS, LOG, SHARE = "points", "log", "share"
NAN = float("nan")


@dataclass(frozen=True)
class Contrast:
    """Left minus right, of accuracies or of another score.

    On the scale "log" the difference is one of natural logarithms; a "share" is what is left of right, and no difference.
    `n` counts units of the test, in `unit`s (splits, or seeds); `sd` is that of the units. `p` is that of the paired t-test,
    two-sided, as on the boards (`maskbank.statistics.paired` says why). `not_worse_p` is the one-sided p that left is not
    below right by the margin, `worse_p` that it is.
    """

    status: str
    unit: str
    scale: str
    n: int
    tasks: int
    difference: float
    sd: float
    ci_low: float
    ci_high: float
    wins: int
    ties: int
    losses: int
    probability_of_improvement: float
    improvement_low: float
    improvement_high: float
    p: float
    equivalence_p: float
    not_worse_p: float
    worse_p: float
    missing: str


def generator_for(label: str, seed: int) -> np.random.Generator:
    """A generator of its own for each label, so that adding a contrast leaves the numbers of all others alone."""
    return np.random.default_rng([seed, zlib.crc32(label.encode())])


def measure(pairs: Pairs, params: Compare, scale: str = POINTS) -> Contrast:
    """Describe and test the difference of paired scores.

    Two arms without one point at which both were run are "not run". With an incomplete block the test and the
    interval are refused: the difference of the blocks that are left is shown, and what is missing. With fewer than 6
    units there is no p (rule X4). The interval is Student's over the units, the mean of the units its middle: over 6 to
    12 of them a percentile bootstrap covers 84 to 90 % (tests/statistics/test_simulation.py). The margin is one of accuracy:
    logarithms have no test against it, and shares none against zero.
    """
    clusters = pairs.clusters
    n = len(clusters)
    status = INCOMPLETE if pairs.missing else INSUFFICIENT if n < MIN_CLUSTERS else TESTED
    if n == 0:
        return Contrast(
            INCOMPLETE if pairs.ran else NOT_RUN, pairs.counted, scale, 0, 0, NAN, NAN, NAN, NAN, 0, 0, 0, NAN, NAN, NAN,
            NAN, NAN, NAN, NAN, "; ".join(pairs.missing) or "no pairs",
        )  # fmt: skip
    counts = tally(clusters)
    sd = float(clusters.std(ddof=1)) if n > 1 else NAN
    half, mean = NAN if status == INCOMPLETE else half_width(sd, n), float(clusters.mean())
    tested = status == TESTED
    bounded = tested and scale == POINTS
    better = improvements(pairs)
    better_low, better_high = improvement_interval(better) if status != INCOMPLETE else (NAN, NAN)
    return Contrast(
        status=status,
        unit=pairs.counted,
        scale=scale,
        n=n,
        tasks=len(pairs.differences),
        difference=mean,
        sd=sd,
        ci_low=mean - half,
        ci_high=mean + half,
        wins=counts.wins,
        ties=counts.ties,
        losses=counts.losses,
        probability_of_improvement=float(better.mean()),
        improvement_low=better_low,
        improvement_high=better_high,
        p=float(paired_p(clusters)) if tested and scale != SHARE else NAN,
        equivalence_p=tost(clusters, params.margin) if bounded else NAN,
        not_worse_p=not_below(clusters, -params.margin) if bounded else NAN,
        worse_p=not_below(-clusters, params.margin) if bounded else NAN,
        missing="; ".join(pairs.missing),
    )
