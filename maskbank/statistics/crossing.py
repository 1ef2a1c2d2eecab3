"""Crossings: the cost at which one method's accuracy passes another's.

Curves are straight between the points measured, on an axis that is logarithmic in cost. A cost of 0 is possible (no
data was needed to choose, and T = 0), so below the smallest positive cost the axis is linear.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskbank.statistics.paired import DECIMALS

Array = NDArray[np.float64]

ALWAYS, NEVER, FROM, UNTIL, CHANGES = "always", "never", "from", "until", "changes"
DEARER, CHEAPER = "dearer at every T", "cheaper at every T"


@dataclass(frozen=True)
class Crossing:
    """Where left is above right, within the costs `range_low` to `range_high` at which both were measured.

    `verdict`: always, never, from `cost` on, until `cost`, or changes (it passes more than once; `cost` is the last
    time); where no cost was measured of both, left is dearer or cheaper at every T. `low` and `high` are of a 95 %
    bootstrap interval of `cost` over splits: -inf and inf mean "below" and "beyond all costs measured". `agreement` is
    the share of resamples with the same verdict. All NaN where they do not apply.
    """

    verdict: str
    cost: float
    low: float
    high: float
    agreement: float
    range_low: float
    range_high: float


@dataclass(frozen=True)
class Axis:
    """Places on the cost axis: linear from 0 to `unit`, logarithmic above."""

    unit: float

    def place(self, cost: Array) -> Array:
        return np.where(cost <= self.unit, cost / self.unit, 1 + np.log(np.maximum(cost, self.unit) / self.unit))

    def cost(self, place: Array) -> Array:
        return self.unit * np.where(place <= 1, place, np.exp(np.maximum(place, 1) - 1))


def crossing(
    left_cost: Array, left: Array, right_cost: Array, right: Array, resamples: int, generator: Generator
) -> Crossing:
    """Compare two curves: costs [left points], [right points], rising; accuracies [splits, points] of the same splits.

    `resamples` 0 gives no interval. The costs are means, and are not resampled.
    """
    low, high = max(left_cost[0], right_cost[0]), min(left_cost[-1], right_cost[-1])
    nan = float("nan")
    if low > high:
        verdict = DEARER if left_cost[0] > right_cost[-1] else CHEAPER
        return Crossing(verdict, nan, nan, nan, nan, nan, nan)
    costs = np.concatenate([left_cost, right_cost, [low, high]])
    positive = costs[costs > 0]
    axis = Axis(float(positive.min()) if len(positive) else 1.0)
    knots = np.unique(axis.place(costs[(costs >= low) & (costs <= high)]))
    ours, theirs = (
        np.stack([np.interp(knots, axis.place(cost), row) for row in rows])
        for cost, rows in ((left_cost, left), (right_cost, right))
    )
    gaps = ours - theirs
    whole = gaps.mean(axis=0, keepdims=True)
    verdict = str(verdicts(whole)[0])
    passes = verdict in (FROM, UNTIL, CHANGES)
    cost = float(axis.cost(turn(knots, whole, last=True))[0]) if passes else nan
    spread, agreement = (nan, nan), nan
    if resamples:
        drawn = generator.multinomial(len(gaps), np.full(len(gaps), 1 / len(gaps)), resamples) @ gaps / len(gaps)
        agreement = float((verdicts(drawn) == verdict).mean())
        if verdict in (FROM, UNTIL):
            spread = percentiles((above_from if verdict == FROM else above_until)(knots, drawn), axis)
    return Crossing(verdict, cost, *spread, agreement, float(low), float(high))


def above(gaps: Array) -> NDArray[np.bool_]:
    return np.asarray(np.round(gaps, DECIMALS) > 0)


def verdicts(gaps: Array) -> NDArray[np.str_]:
    """Gaps [curves, knots] -> one verdict a curve [curves]."""
    up = above(gaps)
    turns = (up[:, 1:] != up[:, :-1]).sum(axis=1)
    once = np.where(up[:, -1], FROM, UNTIL)
    return np.where(turns == 0, np.where(up[:, 0], ALWAYS, NEVER), np.where(turns == 1, once, CHANGES))


def above_from(knots: Array, gaps: Array) -> Array:
    """[curves]: the place from which on the gap stays above 0; -inf if everywhere, inf if it does not at the end."""
    up = above(gaps)
    return np.where(up.all(axis=1), -np.inf, np.where(up[:, -1], turn(knots, gaps, last=True), np.inf))


def above_until(knots: Array, gaps: Array) -> Array:
    """[curves]: the place up to which the gap is above 0 from the start; inf if everywhere, -inf if not at the start."""
    up = above(gaps)
    return np.where(up.all(axis=1), np.inf, np.where(up[:, 0], turn(knots, gaps, last=False), -np.inf))


def turn(knots: Array, gaps: Array, *, last: bool) -> Array:
    """[curves]: the place where the gap passes 0 for the first or the last time; the first knot where it never does."""
    up = above(gaps)
    turns = up[:, 1:] != up[:, :-1]
    if not turns.size:
        return np.full(len(gaps), knots[0])
    index = turns.shape[1] - 1 - np.argmax(turns[:, ::-1], axis=1) if last else np.argmax(turns, axis=1)
    return np.where(turns.any(axis=1), zero_after(knots, gaps, index), knots[0])


def zero_after(knots: Array, gaps: Array, index: NDArray[np.int_]) -> Array:
    """[curves]: where the straight line between knots `index` and `index` + 1 is 0."""
    row = np.arange(len(gaps))
    first, second = gaps[row, index], gaps[row, index + 1]
    step = second - first
    share = np.where(step == 0, 0.0, -first / np.where(step == 0, 1.0, step))
    return np.asarray(knots[index] + share * (knots[index + 1] - knots[index]))


def percentiles(places: Array, axis: Axis, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of places [resamples] as costs; values that occur, so that infinite ones may."""
    ordered = np.sort(places)
    edge = int(len(ordered) * (1 - level) / 2)
    low, high = (end if np.isinf(end) else float(axis.cost(end)) for end in (ordered[edge], ordered[-1 - edge]))
    return float(low), float(high)
