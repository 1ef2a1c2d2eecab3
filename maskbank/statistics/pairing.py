"""Pairing: two methods on the same tasks and seeds. Seeds are averaged inside a task, tasks inside their split."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskbank.records.schema import NONE

Array = NDArray[np.float64]

BLOCK = ["split", "task", "pretrain_seed", "seed"]
POINT = ["budget_asked", "steps"]
REFERENCE = ["dataset", "backbone", "recipe", "tuning", "shots"]  # what a setting has in common with its reference
SETTING = [*REFERENCE, "pattern", "allocation", "schedule", "reconstruct", "bn", "budget_kind"]
SCORED = [  # what comparisons of accuracies read of the records
    "stage", "variant", "method", "role", "task_split", "ways", *BLOCK, *POINT, "status", "accuracy", *SETTING,
]  # fmt: skip
COSTS = ["selection_macs", "train_macs", "tuning_macs"]  # and comparisons of costs
DEFAULT = "default"  # the variant that comparisons are about
ALL_IMAGES = "all"
NO_ROW = "no row"
USUAL = {
    "tuning": (DEFAULT,), "shots": (ALL_IMAGES,), "pattern": (NONE, "units"), "schedule": (NONE, "one_shot"),
    "reconstruct": (NONE,), "budget_kind": (NONE, "units"),
}  # fmt: skip
SHOWN_MISSING = 6


@dataclass(frozen=True)
class Pairs:
    """Scores of two methods on the same tasks.

    `left` and `right` are [tasks, seeds], points averaged, NaN where a task has fewer seeds than another;
    `splits` is [tasks]: the cluster that a task belongs to. `missing` says in words which blocks are incomplete.
    `ran` is False where the two were never run at one point: nothing is missing then, and nothing can be said.
    """

    left: Array
    right: Array
    splits: tuple[str, ...]
    missing: tuple[str, ...] = ()
    ran: bool = True

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
    """Rows of the transfer stage that comparisons are about: the default variant of each method."""
    rows = every_variant(records)
    return rows[rows.variant == DEFAULT]


def every_variant(records: pd.DataFrame) -> pd.DataFrame:
    """Rows of the transfer stage with their ablations, and with a pairable label where a number does not apply."""
    rows = records[records.stage == "transfer"]
    shots = named(rows[["shots"]].astype(float), lambda shots: ALL_IMAGES if np.isnan(shots) else f"{shots:g}")
    return rows.assign(pretrain_seed=rows.pretrain_seed.fillna(-1), shots=shots)


def named(keys: pd.DataFrame, name: Callable[..., str]) -> pd.Series:
    """A name a row, from its values; `name` is asked once for equal rows."""
    place = keys.groupby(list(keys), sort=False, dropna=False).ngroup().to_numpy()
    names = [name(*values) for values in keys.drop_duplicates().itertuples(index=False, name=None)]
    return pd.Series(np.array(names, dtype=object)[place], keys.index, dtype=object)


def roles_of(rows: pd.DataFrame) -> dict[str, str]:
    """Method -> its role."""
    last = rows[["method", "role"]].drop_duplicates("method", keep="last")
    return dict(zip(last.method, last.role, strict=True))


def settings(rows: pd.DataFrame) -> list[tuple[dict[str, str], pd.DataFrame]]:
    """Each setting with its rows; the reference (allocation none) is repeated at every budget of the setting.

    Rows of different settings are never averaged. The reference has the data set, backbone, recipe, tuning and shots of
    the setting; what pruning alone has (pattern, schedule, ...) does not apply to it. Labels of settings are categories.
    """
    rows = rows.astype(dict.fromkeys(SETTING, "category"))
    reference = rows[rows.allocation == NONE]
    found = []
    for labels, group in rows[rows.allocation != NONE].groupby(SETTING, sort=True):
        setting = dict(zip(SETTING, map(str, labels), strict=True))
        same = reference[(reference[REFERENCE] == [setting[key] for key in REFERENCE]).all(axis=1)]
        budgets = group[["budget_asked"]].drop_duplicates()
        repeated = same.drop(columns="budget_asked").merge(budgets, how="cross")
        found.append((setting, pd.concat([group, repeated[group.columns]], ignore_index=True)))
    return sorted(found, key=lambda item: in_order(item[0]))


def in_order(labels: Mapping[Any, object]) -> tuple[object, ...]:
    """Sorts settings: of each net the usual ones first."""
    unusual = [labels[key] not in usual for key, usual in USUAL.items()]
    return (*(str(labels[key]) for key in REFERENCE[:3]), *unusual, *(str(labels[key]) for key in SETTING))


def setting_words(labels: Mapping[Any, object]) -> str:
    """Allocation, BN handling and what is not usual of a setting: `uniform, reestimated BN, tuned@4, 5 shots`."""
    unusual = {key: str(labels[key]) for key, usual in USUAL.items() if labels[key] not in usual}
    forms = {"shots": "{} shots", "budget_kind": "by {}"}
    words = [forms.get(key, "{}").format(value) for key, value in unusual.items()]
    return ", ".join([str(labels["allocation"]), f"{labels['bn']} BN", *words])


def setting_name(labels: Mapping[Any, object]) -> str:
    """A setting in one line, its data set and backbone first."""
    return f"{labels['dataset']} {labels['backbone']} {setting_words(labels)}"


def run_everywhere(rows: pd.DataFrame) -> list[str]:
    """Methods of a setting that were run at each of its points; others compare at fewer, and are not ranked."""
    ran = rows[["method", *POINT]].drop_duplicates()
    points = ran.groupby("method").size()
    return sorted(points.index[points == len(ran[POINT].drop_duplicates())])


@dataclass(frozen=True)
class Scores:
    """Accuracies of one setting as an array.

    `values` and `status` are [methods, blocks, points] (NaN and "no row" where there is nothing), `count` is the
    number of rows there. Blocks are (split, task, pretrain_seed, seed), points (budget, steps): all that any method of
    the setting has, so that a cell that one method lacks, or all, is seen as missing.
    """

    methods: tuple[str, ...]
    blocks: pd.DataFrame
    points: pd.DataFrame
    values: Array
    status: NDArray[np.object_]
    count: NDArray[np.int_]

    @cached_property
    def places(self) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
        """[blocks]: the task of each block, and its seed, by their number in sorted order."""
        task, seed = (self.blocks.groupby(keys, sort=True).ngroup() for keys in (BLOCK[:2], BLOCK[2:]))
        return np.asarray(task, dtype=int), np.asarray(seed, dtype=int)

    def ran(self, *names: str) -> NDArray[np.bool_]:
        """[points]: where each of these methods has at least one row, of whatever status."""
        if not set(names) <= set(self.methods):
            return np.zeros(len(self.points), dtype=bool)
        own = [self.methods.index(name) for name in names]
        return np.asarray(self.count[own].any(axis=1).all(axis=0))

    def at(self, chosen: NDArray[np.bool_]) -> "Scores":
        """The same blocks at the chosen points [points] only."""
        return replace(
            self,
            points=self.points[chosen].reset_index(drop=True),
            values=self.values[:, :, chosen],
            status=self.status[:, :, chosen],
            count=self.count[:, :, chosen],
        )

    def among(self, chosen: NDArray[np.bool_]) -> "Scores":
        """The same points of the chosen blocks [blocks] only."""
        return replace(
            self,
            blocks=self.blocks[chosen].reset_index(drop=True),
            values=self.values[:, chosen],
            status=self.status[:, chosen],
            count=self.count[:, chosen],
        )

    def each_point(self) -> Iterator[tuple[float, float, "Scores"]]:
        """Budget, steps and the scores there, of the blocks that any method has there."""
        for place, (budget, steps) in enumerate(self.points.itertuples(index=False)):
            here = self.at(np.arange(len(self.points)) == place)
            yield float(budget), float(steps), here.among(np.asarray(here.count.any(axis=(0, 2))))


def tabulate(rows: pd.DataFrame) -> Scores:
    """The rows of one setting as Scores."""
    keys = (["method"], BLOCK, POINT)
    methods, blocks, points = (rows[key].drop_duplicates().sort_values(key, ignore_index=True) for key in keys)
    shape = (len(methods), len(blocks), len(points))
    place = tuple(rows.groupby(key, sort=True, dropna=False).ngroup().to_numpy() for key in keys)
    values, status, count = np.full(shape, np.nan), np.full(shape, NO_ROW, dtype=object), np.zeros(shape, dtype=int)
    values[place], status[place] = rows.accuracy.to_numpy(float), rows.status.to_numpy(object)
    np.add.at(count, place, 1)
    return Scores(tuple(methods.method), blocks, points, values, status, count)


def pair(scores: Scores, left: str, right: str) -> Pairs:
    """Pair two methods of one setting by task and seed, averaged over the points at which both were run.

    A method that was run at fewer budgets is no fault. Blocks in which either lacks one of these points are left out of
    the arrays and listed.
    """
    task, seed = scores.places
    scores = scores.at(scores.ran(left, right))
    if scores.points.empty:
        return Pairs(np.empty((0, 1)), np.empty((0, 1)), (), not_run(scores, left, right), ran=False)
    missing = tuple(text for name in (left, right) for text in missing_of(scores, name))
    both = [scores.values[scores.methods.index(name)] for name in (left, right)]
    whole = ~(np.isnan(both[0]) | np.isnan(both[1])).any(axis=1)
    (tasks, first, inside), (seeds, run) = (
        np.unique(task[whole], return_index=True, return_inverse=True),
        np.unique(seed[whole], return_inverse=True),
    )
    shape = (len(tasks), max(len(seeds), 1))
    tables = np.full((2, *shape), np.nan)
    for table, values in zip(tables, both, strict=True):
        table[inside, run] = values[whole].mean(axis=1)
    splits = scores.blocks.split.to_numpy(object)[whole][first]
    return Pairs(tables[0], tables[1], tuple(map(str, splits)), missing)


def not_run(scores: Scores, left: str, right: str) -> tuple[str, ...]:
    """Why two methods have no point in common, in words."""
    absent = tuple(f"{name}: no rows in this setting" for name in (left, right) if name not in scores.methods)
    return absent or (f"{left} and {right} have no budget and T in common in this setting",)


def missing_of(scores: Scores, name: str) -> list[str]:
    """What a method lacks, in words: `l2: 2 of 72 points (s0/t1 seed 0 keep 0.1 T 10: diverged; ...)`."""
    own = scores.methods.index(name)
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
