"""Crossed scores: every method of a board on the same tasks and seeds, and what the others lack."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskbank.statistics.finding import listed
from maskbank.statistics.resampling import split_means
from maskbank.statistics.scores import NO_ROW, Scores, missing_of, replicated, tabulate
from maskbank.statistics.transfer import BLOCK, roles_of

Array = NDArray[np.float64]

REFERENCE = "reference"  # the role of the unpruned model
WHOLE, GAPS, TWICE, FEWER = "whole", "incomplete", "doubled", "fewer points"


@dataclass(frozen=True)
class Crossed:
    """Accuracies of methods, points averaged.

    `values` is [methods, tasks, seeds], NaN where a method has no such seed of a task: methods need not have the same;
    `splits` and `tasks` are [tasks]. A seed is a (pretrain_seed, seed).
    """

    methods: tuple[str, ...]
    values: Array
    splits: tuple[str, ...]
    tasks: tuple[str, ...]

    @property
    def task_means(self) -> Array:
        """[methods, tasks]: seeds averaged."""
        return np.asarray(np.nanmean(self.values, axis=2)) if self.values.size else self.values[:, :, 0]

    @property
    def clusters(self) -> Array:
        """[methods, splits]: tasks averaged inside their split; the unit of every test."""
        return split_means(self.task_means, self.splits) if self.splits else np.empty((len(self.methods), 0))

    def only(self, names: Sequence[str]) -> "Crossed":
        own = [self.methods.index(name) for name in names]
        return replace(self, methods=tuple(names), values=self.values[own])

    def minus(self, name: str) -> "Crossed":
        """All other methods minus this one, task by task (its seeds averaged)."""
        rest = [method for method in self.methods if method != name]
        base = self.task_means[self.methods.index(name)]
        return replace(self.only(rest), values=self.only(rest).values - base[:, None])


@dataclass(frozen=True)
class Design:
    """The scores of a setting on the blocks and points of its methods, and how whole each method is.

    `state` maps a method to WHOLE, FEWER (not run at every point), TWICE (cells occur twice) or GAPS (cells are missing or
    failed); `missing` says in words what each that is not whole lacks. `chance` is [blocks]: 1 / ways.
    """

    scores: Scores
    roles: dict[str, str]
    state: dict[str, str]
    missing: dict[str, str]
    chance: Array

    @property
    def reference(self) -> str:
        """The unpruned model, if it is whole; else ""."""
        found = [name for name, role in self.roles.items() if role == REFERENCE and self.state[name] == WHOLE]
        return found[0] if found else ""

    @property
    def task_index(self) -> NDArray[np.int_]:
        """[blocks]: which row of `tasks` each block belongs to."""
        return self.scores.unit

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """[tasks]: split and task of each, in order."""
        return self.scores.blocks[BLOCK[:2]].drop_duplicates().reset_index(drop=True)

    def named(self, *states: str) -> list[str]:
        """Methods in one of these states, without the reference."""
        return [name for name, state in self.state.items() if state in states and self.roles[name] != REFERENCE]


def design(rows: pd.DataFrame) -> Design:
    """The design of one setting's rows (see `transfer.settings`): blocks and points are those of its methods.

    What the reference alone was run on is no part of it.
    """
    roles = roles_of(rows)
    scores = tabulate(rows)
    others = [index for index, name in enumerate(scores.arms) if roles[name] != REFERENCE]
    scores = scores.at(np.asarray(scores.count[others].any(axis=(0, 1))))
    scores = scores.among(np.asarray(scores.count[others].any(axis=(0, 2))))
    state, missing = {}, {}
    for index, name in enumerate(scores.arms):
        at = scores.ran(name)
        text = "; ".join(each.removeprefix(f"{name}: ") for each in missing_of(scores, name))
        if not at.all():
            state[name], missing[name] = FEWER, fewer_words(scores, at)
        elif text:
            state[name], missing[name] = TWICE if (scores.count[index] > 1).any() else GAPS, text
        else:
            state[name] = WHOLE
    ways = rows.groupby(BLOCK[:2]).ways.first()
    blocks = pd.MultiIndex.from_frame(scores.blocks[BLOCK[:2]])
    chance = 1 / ways.reindex(blocks).to_numpy(float)
    return Design(scores, {name: roles[name] for name in scores.arms}, state, missing, chance)


def fewer_words(scores: Scores, at: NDArray[np.bool_]) -> str:
    """`run at 3 of 9 points; not at keep 0.2 T 0, ...`"""
    absent = scores.points[~at]
    names = (f"keep {row.budget_asked:g} T {row.steps:g}" for row in absent.itertuples())
    return f"run at {int(at.sum())} of {len(at)} points; not at {listed(names, 4)}"


def cross(given: Design, names: Sequence[str], *, chance: bool = False) -> Crossed:
    """These methods on the tasks of which all of them have a whole block; a broken one is left out for all.

    With `chance`, a cell that failed counts as chance, 1 / ways; one without any row is still missing.
    """
    scores = given.scores
    own = [scores.arms.index(name) for name in names]
    values = scores.values[own]
    if chance:
        failed = np.isnan(values) & (scores.status[own] != NO_ROW)
        values = np.where(failed, given.chance[None, :, None], values)
    units, table, _ = replicated(scores, names, values)
    order = given.tasks.iloc[units]
    labels = tuple(task_name(split, name) for split, name in zip(order.split, order.task, strict=True))
    return Crossed(tuple(names), table, tuple(map(str, order.split)), labels)


def task_name(split: object, task: object) -> str:
    """`s1/t0`, also where the task's own name already begins with its split."""
    return str(task) if str(task).startswith(f"{split}/") else f"{split}/{task}"
