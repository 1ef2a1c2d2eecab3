"""Scores: what the arms of a study reached, as one array, and two of its arms paired.

Seeds are averaged inside a task and tasks inside their split; where pretraining seeds are the units, each stands for itself.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskbank.statistics.axes import COUNTED, NAMED, SEED, TASK, Axes
from maskbank.statistics.traces import joined
from maskbank.statistics.transfer import POINT, SETTING

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

TRANSFER = Axes(tuple(SETTING), "method", tuple(POINT), TASK)
NO_ROW = "no row"
SHOWN_MISSING = 6


@dataclass(frozen=True)
class Pairs:
    """Scores of two arms on the same units.

    `left` and `right` are [units, replicates], points averaged, NaN where a unit has fewer replicates than another;
    `splits` is [units]: the cluster that a unit belongs to. `missing` says in words which blocks are incomplete.
    `ran` is False where the two were never run at one point: nothing is missing then, and nothing can be said. `counted`
    is what n counts: splits, or seeds.
    """

    left: Array
    right: Array
    splits: tuple[str, ...]
    missing: tuple[str, ...] = ()
    ran: bool = True
    counted: str = COUNTED[TASK]

    @property
    def differences(self) -> Array:
        """[units]: mean over replicates of left minus right."""
        return np.nanmean(self.left - self.right, axis=1) if self.left.size else np.empty(0)

    @property
    def clusters(self) -> Array:
        """[splits]: mean over the units of a split; the unit of every test."""
        return cluster_means(self.differences, self.splits)


def cluster_means(values: Array, splits: tuple[str, ...]) -> Array:
    """[units] -> [splits], splits in sorted order."""
    means = pd.Series(values, dtype=float).groupby(np.asarray(splits, dtype=object)).mean()
    return np.asarray(means, dtype=np.float64)


@dataclass(frozen=True)
class Scores:
    """Scores of one setting as an array.

    `values` and `status` are [arms, blocks, points] (NaN and "no row" where there is nothing), `count` is the number of
    rows there, of which the value is the mean; `cells` [arms, points] are sets of their keys. Blocks are (split, task,
    pretrain_seed, seed) or (unit); blocks and points are all that any arm of the setting has, so that a cell that one arm
    lacks, or all, is seen as missing.
    """

    axes: Axes
    arms: tuple[str, ...]
    blocks: pd.DataFrame
    points: pd.DataFrame
    values: Array
    status: NDArray[np.object_]
    count: NDArray[np.int_]
    cells: NDArray[np.object_]

    @cached_property
    def places(self) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
        """[blocks]: the unit of each block, and its replicate, by their number in sorted order."""
        named = NAMED[self.axes.unit]
        return numbered(self.blocks, self.axes.block[:named])[1], numbered(self.blocks, self.axes.block[named:])[1]

    def cells_of(self, name: str) -> str:
        """The keys of an arm's cells, a space between; "" where it has none."""
        return joined(key for own in self.cells[self.arms.index(name)] for key in own) if name in self.arms else ""

    def ran(self, *names: str) -> Mask:
        """[points]: where each of these arms has at least one row, of whatever status."""
        if not set(names) <= set(self.arms):
            return np.zeros(len(self.points), dtype=bool)
        own = [self.arms.index(name) for name in names]
        return np.asarray(self.count[own].any(axis=1).all(axis=0))

    def at(self, chosen: Mask) -> "Scores":
        """The same blocks at the chosen points [points] only."""
        return replace(
            self, points=self.points[chosen].reset_index(drop=True), values=self.values[:, :, chosen],
            status=self.status[:, :, chosen], count=self.count[:, :, chosen], cells=self.cells[:, chosen],
        )  # fmt: skip

    def among(self, chosen: Mask) -> "Scores":
        """The same points of the chosen blocks [blocks] only."""
        return replace(
            self, blocks=self.blocks[chosen].reset_index(drop=True), values=self.values[:, chosen],
            status=self.status[:, chosen], count=self.count[:, chosen],
        )  # fmt: skip


def tabulate(rows: pd.DataFrame, axes: Axes = TRANSFER) -> Scores:
    """The rows of one setting as Scores. Cells that occur twice are averaged, in an order that rows do not decide."""
    parts = [numbered(rows, keys) for keys in ([axes.arm], axes.block, list(axes.point))]
    arms, blocks, points = (names for names, _ in parts)
    shape = (len(arms), len(blocks), len(points))
    given = rows[axes.score].to_numpy(float)
    order = np.argsort(given, kind="stable")
    place = tuple(codes[order] for _, codes in parts)
    values, status, count = np.zeros(shape), np.full(shape, NO_ROW, dtype=object), np.zeros(shape, dtype=int)
    np.add.at(values, place, given[order])
    np.add.at(count, place, 1)
    status[place] = rows.status.to_numpy(object)[order]
    values = np.where(count > 0, values / np.maximum(count, 1), np.nan)
    cells = np.frompyfunc(lambda _: set(), 1, 1)(np.zeros((shape[0], shape[2])))
    if "cell_key" in rows:
        for arm, point, key in zip(place[0], place[2], rows.cell_key.to_numpy(object)[order], strict=True):
            cells[arm, point].add(key)
    return Scores(axes, tuple(arms[axes.arm]), blocks, points, values, status, count, cells)


def numbered(rows: pd.DataFrame, keys: list[str]) -> tuple[pd.DataFrame, NDArray[np.int_]]:
    """What rows are called by these columns, in sorted order without repeats, and [rows]: which of them each is."""
    codes = np.zeros(len(rows), dtype=np.int64)
    for key in keys:
        own, names = pd.factorize(rows[key], sort=True)
        codes = codes * (len(names) + 1) + own + 1
    _, first, places = np.unique(codes, return_index=True, return_inverse=True)
    return rows[keys].iloc[first].reset_index(drop=True), places


def pair(scores: Scores, left: str, right: str) -> Pairs:
    """Pair two arms of one setting by unit and replicate, averaged over the points at which both were run.

    An arm that was run at fewer points is no fault. Blocks in which either lacks one of these points are left out of the
    arrays and listed.
    """
    unit, replicate = scores.places
    scores, counted = scores.at(scores.ran(left, right)), COUNTED[scores.axes.unit]
    if scores.points.empty:
        return Pairs(np.empty((0, 1)), np.empty((0, 1)), (), not_run(scores, left, right), False, counted)
    both = [scores.values[scores.arms.index(name)] for name in (left, right)]
    whole = ~(np.isnan(both[0]) | np.isnan(both[1])).any(axis=1)
    (units, first, inside), (replicates, run) = (
        np.unique(unit[whole], return_index=True, return_inverse=True),
        np.unique(replicate[whole], return_inverse=True),
    )
    tables = np.full((2, len(units), max(len(replicates), 1)), np.nan)
    for table, values in zip(tables, both, strict=True):
        table[inside, run] = values[whole].mean(axis=1)
    splits = scores.blocks[scores.axes.block[0]].to_numpy(object)[whole][first]
    missing = tuple(lacking(scores, whole, left, right))
    return Pairs(tables[0], tables[1], tuple(map(str, splits)), missing, counted=counted)


def lacking(scores: Scores, whole: Mask, *names: str) -> list[str]:
    """In words, what keeps blocks [blocks] of these arms from being whole."""
    if scores.axes.unit == SEED:
        return [f"seed {unit:g} incomplete" for unit in scores.blocks.unit[~whole]]
    return [text for name in names for text in missing_of(scores, name)]


def not_run(scores: Scores, left: str, right: str) -> tuple[str, ...]:
    """Why two arms have no point in common, in words."""
    absent = tuple(f"{name}: no rows in this setting" for name in (left, right) if name not in scores.arms)
    points = "budget and T" if scores.axes.unit == TASK else "point"
    return absent or (f"{left} and {right} have no {points} in common in this setting",)


def missing_of(scores: Scores, name: str) -> list[str]:
    """What an arm lacks, in words: `l2: 2 of 72 points (s0/t1 seed 0 keep 0.1 T 10: diverged; ...)`."""
    own = scores.arms.index(name)
    twice = int((scores.count[own] > 1).sum())
    texts = [f"{name}: {twice} points occur twice"] if twice else []
    absent = np.argwhere(np.isnan(scores.values[own]))
    if len(absent):
        shown = []
        for block, point in absent[:SHOWN_MISSING]:
            split, task, _, seed = scores.blocks.iloc[block]
            budget, steps = scores.points.iloc[point]
            shown.append(f"{split}/{task} seed {seed} keep {budget:g} T {steps:g}: {scores.status[own, block, point]}")
        more = "; ..." if len(absent) > SHOWN_MISSING else ""
        texts.append(f"{name}: {len(absent)} of {scores.values[own].size} points ({'; '.join(shown)}{more})")
    return texts
