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


def pair(rows: pd.DataFrame, left: str, right: str) -> Pairs:
    """Pair two methods of one setting by task and seed, averaged over the setting's points.

    The blocks expected are all that any method of the setting has, at all its points: a cell that only one of the
    two lacks, or both, makes the block incomplete. Incomplete blocks are left out of the arrays and listed.
    """
    points = rows[POINT].drop_duplicates()
    expected = pd.MultiIndex.from_frame(rows[BLOCK].drop_duplicates().merge(points, how="cross")).sort_values()
    scores, missing = {}, []
    for name in (left, right):
        own = rows[rows.method == name].set_index(BLOCK + POINT)
        if own.empty:
            missing.append(f"{name}: no rows in this setting")
        elif not own.index.is_unique:
            missing.append(f"{name}: {int(own.index.duplicated().sum())} points occur twice")
        scores[name] = own.accuracy[~own.index.duplicated()].reindex(expected)
        if not own.empty and scores[name].isna().any():
            missing.append(describe_missing(name, scores[name], own))
    both = pd.DataFrame({"left": scores[left], "right": scores[right]})
    whole = both[both.notna().all(axis=1).groupby(level=BLOCK).transform("all")]
    if whole.empty:
        return Pairs(np.empty((0, 1)), np.empty((0, 1)), (), tuple(missing))
    wide = whole.groupby(level=BLOCK).mean().unstack(BLOCK[2:])
    splits = tuple(str(split) for split in wide.index.get_level_values("split"))
    return Pairs(wide["left"].to_numpy(float), wide["right"].to_numpy(float), splits, tuple(missing))


def describe_missing(name: str, scores: pd.Series, own: pd.DataFrame) -> str:
    """`l2: 2 of 72 points (s0/t1 keep 0.1 T 10: diverged; ...)`."""
    absent = scores.index[scores.isna()]
    status = own.status[~own.index.duplicated()].reindex(absent).fillna("no row")
    shown = [
        f"{key[0]}/{key[1]} seed {key[3]:g} keep {key[4]:g} T {key[5]:g}: {status.iloc[position]}"
        for position, key in enumerate(absent[:SHOWN_MISSING])
    ]
    more = "; ..." if len(absent) > SHOWN_MISSING else ""
    return f"{name}: {len(absent)} of {len(scores)} points ({'; '.join(shown)}{more})"
