"""Scores: what the arms of a study reached, as one array, and two of its arms paired.

Seeds are averaged inside a task and tasks inside their split; where pretraining seeds are the units, each stands for itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

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

    `left` and `right` are [units, replicates], points averaged, NaN where a unit has no such replicate on this side: the two
    sides need not have the same. `splits` is [units]: the cluster that a unit belongs to. `missing` says in words which blocks
    are incomplete. `ran` is False where the two were never run at one point: nothing is missing then, and nothing can be said.
    `counted` is what n counts: splits, or seeds.
    """

    left: Array
    right: Array
    splits: tuple[str, ...]
    missing: tuple[str, ...] = ()
    ran: bool = True
    counted: str = COUNTED[TASK]

    @property
    def differences(self) -> Array:
        """[units]: mean over the replicates of left, minus that of right."""
        return np.nanmean(self.left, axis=1) - np.nanmean(self.right, axis=1) if self.left.size else np.empty(0)

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
    lacks, or all, is seen as missing. `unit` and `replicate` [blocks] number those of each block in sorted order.
    """

    axes: Axes
    arms: tuple[str, ...]
    blocks: pd.DataFrame
    points: pd.DataFrame
    values: Array
    status: NDArray[np.object_]
    count: NDArray[np.int_]
    cells: NDArray[np.object_]
    unit: NDArray[np.int_]
    replicate: NDArray[np.int_]

    def own(self, name: str) -> Mask:
        """[blocks]: those in which an arm has a row, of whatever status; replicates of a unit need not be of all arms."""
        return np.asarray(self.count[self.arms.index(name)].any(axis=1))

    def expected(self, name: str) -> Mask:
        """[blocks]: those in which an arm should have a score: its own, and all of a unit in which it has none."""
        own = self.own(name)
        return own | (np.bincount(self.unit, own) == 0)[self.unit]

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

    def of(self, *names: str) -> "Scores":
        """The blocks alone that any of these arms has."""
        known = [self.arms.index(name) for name in names if name in self.arms]
        return self.among(np.asarray(self.count[known].any(axis=(0, 2))))

    def among(self, chosen: Mask) -> "Scores":
        """The same points of the chosen blocks [blocks] only."""
        return replace(
            self, blocks=self.blocks[chosen].reset_index(drop=True), values=self.values[:, chosen],
            status=self.status[:, chosen], count=self.count[:, chosen], unit=renumbered(self.unit[chosen]),
            replicate=renumbered(self.replicate[chosen]),
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
    named = NAMED[axes.unit]
    unit, replicate = (numbered(blocks, keys)[1] for keys in (axes.block[:named], axes.block[named:]))
    return Scores(axes, tuple(arms[axes.arm]), blocks, points, values, status, count, cells, unit, replicate)


def renumbered(codes: NDArray[np.int_]) -> NDArray[np.int_]:
    """The same numbers without gaps."""
    return np.asarray(np.unique(codes, return_inverse=True)[1])


def numbered(rows: pd.DataFrame, keys: list[str]) -> tuple[pd.DataFrame, NDArray[np.int_]]:
    """What rows are called by these columns, in sorted order without repeats, and [rows]: which of them each is."""
    codes = np.zeros(len(rows), dtype=np.int64)
    for key in keys:
        own, names = pd.factorize(rows[key], sort=True)
        codes = codes * (len(names) + 1) + own + 1
    _, first, places = np.unique(codes, return_index=True, return_inverse=True)
    return rows[keys].iloc[first].reset_index(drop=True), places


def pair(scores: Scores, left: str, right: str) -> Pairs:
    """Pair two arms of one setting by unit, over the points at which both were run; replicates are averaged inside a unit.

    An arm that was run at fewer points, or has other replicates, is no fault. Blocks in which either lacks one of these points
    are left out of both sides and listed.
    """
    scores, counted = scores.at(scores.ran(left, right)), COUNTED[scores.axes.unit]
    if scores.points.empty:
        return Pairs(np.empty((0, 1)), np.empty((0, 1)), (), not_run(scores, left, right), False, counted)
    both = [scores.arms.index(name) for name in (left, right)]
    units, tables, broken = replicated(scores, (left, right), scores.values[both])
    names = scores.blocks[scores.axes.block[0]].to_numpy(object)[np.unique(scores.unit, return_index=True)[1][units]]
    missing = tuple(lacking(scores, broken, left, right))
    return Pairs(tables[0], tables[1], tuple(map(str, names)), missing, counted=counted)


def replicated(scores: Scores, names: Sequence[str], values: Array) -> tuple[NDArray[np.int_], Array, Mask]:
    """Of values [arms, blocks, points]: the units in which all arms have a whole block, [arms, units, replicates] with points
    averaged, and which blocks are broken: an arm lacks a point there, so that it is left out for all.
    """
    gaps = np.isnan(values).any(axis=2)
    expected = np.array([scores.expected(name) for name in names], dtype=bool).reshape(gaps.shape)
    broken: Mask = np.any(gaps & expected, axis=0)
    used = ~gaps & ~broken
    units = np.asarray(reduce(np.intersect1d, [scores.unit[own] for own in used]) if len(names) else [], dtype=int)
    tables = np.full((len(names), len(units), int(scores.replicate.max(initial=0)) + 1), np.nan)
    for table, chosen, own in zip(tables, used & np.isin(scores.unit, units), values, strict=True):
        table[np.searchsorted(units, scores.unit[chosen]), scores.replicate[chosen]] = own[chosen].mean(axis=1)
    return units, tables, broken


def lacking(scores: Scores, broken: Mask, *names: str) -> list[str]:
    """In words, what these arms lack in blocks [blocks] that are broken."""
    if scores.axes.unit == SEED:
        return [f"seed {unit:g} incomplete" for unit in scores.blocks.unit[broken]]
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
    expected = scores.expected(name)
    absent = np.argwhere(np.isnan(scores.values[own]) & expected[:, None])
    if len(absent):
        shown = []
        for block, point in absent[:SHOWN_MISSING]:
            split, task, _, seed = scores.blocks.iloc[block]
            budget, steps = scores.points.iloc[point]
            shown.append(f"{split}/{task} seed {seed} keep {budget:g} T {steps:g}: {scores.status[own, block, point]}")
        more = "; ..." if len(absent) > SHOWN_MISSING else ""
        texts.append(
            f"{name}: {len(absent)} of {expected.sum() * len(scores.points)} points ({'; '.join(shown)}{more})"
        )
    return texts
