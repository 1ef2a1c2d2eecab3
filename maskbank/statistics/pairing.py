"""Pairing: two methods on the same tasks and seeds. Seeds are averaged inside a task, tasks inside their split."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskbank.records.schema import NONE

Array = NDArray[np.float64]

BLOCK = ["split", "task", "pretrain_seed", "seed"]
POINT = ["budget_asked", "steps"]
SETTING = ["dataset", "backbone", "recipe", "allocation", "bn", "budget_kind"]
SHOWN_MISSING = 6


@dataclass(frozen=True)
class Pairs:
    """Scores of two methods on the same tasks.

    `left` and `right` are [tasks, seeds], points averaged, NaN where a task has fewer seeds than another;
    `splits` is [tasks]: the cluster that a task belongs to. `missing` says in words which blocks are incomplete.
    """

    left: Array
    right: Array
    splits: tuple[str, ...]
    missing: tuple[str, ...] = ()

    @property
    def differences(self) -> Array:
        """[tasks]: mean over seeds of left minus right."""
        return np.nanmean(self.left - self.right, axis=1) if self.left.size else np.empty(0)

    @property
    def clusters(self) -> Array:
        """[splits]: mean over the tasks of a split; the unit of every test."""
        return cluster_means(self.differences, self.splits)


def cluster_means(values: Array, splits: tuple[str, ...]) -> Array:
    """[tasks] -> [splits], splits in sorted order."""
    means = pd.Series(values, dtype=float).groupby(np.asarray(splits, dtype=object)).mean()
    return np.asarray(means, dtype=np.float64)


def transfer_rows(records: pd.DataFrame) -> pd.DataFrame:
    """Rows of the transfer stage, with a pairable label where a number does not apply."""
    rows = records[records.stage == "transfer"]
    return rows.assign(pretrain_seed=rows.pretrain_seed.fillna(-1))


def settings(rows: pd.DataFrame) -> list[tuple[dict[str, str], pd.DataFrame]]:
    """Each setting with its rows; the reference (allocation none) is repeated at every budget of the setting."""
    reference = rows[rows.allocation == NONE]
    found = []
    for labels, group in rows[rows.allocation != NONE].groupby(SETTING, sort=True):
        setting = dict(zip(SETTING, map(str, labels), strict=True))
        same = reference[(reference[SETTING[:3]] == list(setting.values())[:3]).all(axis=1)]
        budgets = group[["budget_asked"]].drop_duplicates()
        repeated = same.drop(columns="budget_asked").merge(budgets, how="cross")
        found.append((setting, pd.concat([group, repeated[group.columns]], ignore_index=True)))
    return found


@dataclass(frozen=True)
class Scores:
    """Accuracies of one setting as an array.

    `values` and `status` are [methods, blocks, points] (NaN and "no row" where there is nothing), `twice` is
    [methods]: how many points occur more than once. Blocks are (split, task, pretrain_seed, seed), points (budget,
    steps): all that any method of the setting has, so that a cell that one method lacks, or all, is seen as missing.
    """

    methods: tuple[str, ...]
    blocks: pd.DataFrame
    points: pd.DataFrame
    values: Array
    status: NDArray[np.object_]
    twice: NDArray[np.int_]


def tabulate(rows: pd.DataFrame) -> Scores:
    """The rows of one setting as Scores."""
    blocks = rows[BLOCK].drop_duplicates().sort_values(BLOCK, ignore_index=True)
    points = rows[POINT].drop_duplicates().sort_values(POINT, ignore_index=True)
    methods = sorted(set(rows.method))
    shape = (len(methods), len(blocks), len(points))
    place = (
        pd.Index(methods).get_indexer(rows.method),
        pd.MultiIndex.from_frame(blocks).get_indexer(pd.MultiIndex.from_frame(rows[BLOCK])),
        pd.MultiIndex.from_frame(points).get_indexer(pd.MultiIndex.from_frame(rows[POINT])),
    )
    values, status, count = np.full(shape, np.nan), np.full(shape, "no row", dtype=object), np.zeros(shape, dtype=int)
    values[place], status[place] = rows.accuracy.to_numpy(float), rows.status.to_numpy(object)
    np.add.at(count, place, 1)
    return Scores(tuple(methods), blocks, points, values, status, (count > 1).sum(axis=(1, 2)))


def pair(scores: Scores, left: str, right: str) -> Pairs:
    """Pair two methods of one setting by task and seed, averaged over its points.

    Blocks in which either lacks a point are left out of the arrays and listed.
    """
    missing = tuple(text for name in (left, right) for text in missing_of(scores, name))
    empty = np.full(scores.values.shape[1:], np.nan)
    both = [scores.values[scores.methods.index(name)] if name in scores.methods else empty for name in (left, right)]
    whole = ~(np.isnan(both[0]) | np.isnan(both[1])).any(axis=1)
    blocks = scores.blocks[whole]
    tasks, seeds = (blocks.groupby(keys, sort=True).ngroup().to_numpy() for keys in (BLOCK[:2], BLOCK[2:]))
    shape = (tasks.max() + 1, seeds.max() + 1) if len(blocks) else (0, 1)
    tables = np.full((2, *shape), np.nan)
    for table, values in zip(tables, both, strict=True):
        table[tasks, seeds] = values[whole].mean(axis=1)
    splits = blocks.drop_duplicates(BLOCK[:2]).split
    return Pairs(tables[0], tables[1], tuple(map(str, splits)), missing)


def missing_of(scores: Scores, name: str) -> list[str]:
    """What a method lacks, in words: `l2: 2 of 72 points (s0/t1 seed 0 keep 0.1 T 10: diverged; ...)`."""
    if name not in scores.methods:
        return [f"{name}: no rows in this setting"]
    own = scores.methods.index(name)
    texts = [f"{name}: {scores.twice[own]} points occur twice"] if scores.twice[own] else []
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
