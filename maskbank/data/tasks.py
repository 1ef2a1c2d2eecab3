"""Splits of the classes, and the few-way tasks of each.

A split sets some classes aside as targets. Its bank tasks are drawn from the other classes, so that every bank
entry shares no class with any target task. In an `unseen` split the backbone never saw the targets in pretraining;
in a `heldout` split it did. Tasks of one split overlap in classes: the split is the cluster of every statistic.
"""

from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from maskbank.config import Tasks
from maskbank.errors import InputError
from maskbank.files import hash_json, read_json

Classes = tuple[int, ...]


class Task(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    classes: Classes


class Split(BaseModel):
    """Which classes are targets, which were pretrained on, and the tasks on both sides."""

    model_config = ConfigDict(frozen=True)

    name: str
    task_split: str  # heldout or unseen
    pretrain_classes: Classes
    target_classes: Classes
    bank_tasks: tuple[Task, ...]
    target_tasks: tuple[Task, ...]

    @property
    def hash(self) -> str:
        return hash_json(self.model_dump(mode="json"))


def read_splits(folder: Path) -> list[Split]:
    """The splits as `prepare` drew them."""
    return [Split.model_validate(split) for split in read_json(folder / "splits.json")]


def draw_splits(tasks: Tasks, classes: int) -> list[Split]:
    """Draw the splits by seed; those of `given_targets` come first. Equal params give equal splits."""
    if not tasks.splits:
        return []
    check_tasks(tasks, classes)
    generator = np.random.default_rng([tasks.seed, classes, tasks.ways])
    chosen: list[Classes] = [tuple(sorted(given)) for given in tasks.given_targets]
    while len(chosen) < tasks.splits:
        drawn = tuple(sorted(generator.choice(classes, tasks.targets, replace=False).tolist()))
        if drawn not in chosen:
            chosen.append(drawn)
    return [make_split(index, targets, tasks, classes, generator) for index, targets in enumerate(chosen)]


def make_split(index: int, targets: Classes, tasks: Tasks, classes: int, generator: np.random.Generator) -> Split:
    name, unseen = f"s{index}", index < tasks.unseen_splits
    others = tuple(label for label in range(classes) if label not in targets)
    return Split(
        name=name,
        task_split="unseen" if unseen else "heldout",
        pretrain_classes=others if unseen else tuple(range(classes)),
        target_classes=targets,
        bank_tasks=draw_tasks(f"{name}/b", others, tasks.ways, tasks.bank_per_split, generator),
        target_tasks=draw_tasks(f"{name}/t", targets, tasks.ways, tasks.per_split, generator),
    )


def draw_tasks(
    prefix: str, classes: Classes, ways: int, count: int, generator: np.random.Generator
) -> tuple[Task, ...]:
    """`count` different sets of `ways` classes; enumerated where there are few, rejected repeats where there are many."""
    if comb(len(classes), ways) <= 10_000:
        every = list(combinations(classes, ways))
        drawn = [every[index] for index in sorted(generator.choice(len(every), count, replace=False))]
    else:
        unique: dict[Classes, None] = {}
        while len(unique) < count:
            unique[tuple(sorted(generator.choice(classes, ways, replace=False).tolist()))] = None
        drawn = list(unique)
    return tuple(Task(name=f"{prefix}{number}", classes=chosen) for number, chosen in enumerate(drawn))


def check_tasks(tasks: Tasks, classes: int) -> None:
    """Raise an InputError naming the first key that this number of classes cannot satisfy."""
    rest = classes - tasks.targets
    if rest < tasks.ways:
        raise InputError(
            f"tasks.targets = {tasks.targets}: leaves {rest} of {classes} classes for the bank; at most {classes - tasks.ways}"
        )
    if tasks.splits > comb(classes, tasks.targets):
        raise InputError(
            f"tasks.splits = {tasks.splits}: only {comb(classes, tasks.targets)} different target sets exist"
        )
    if tasks.per_split > comb(tasks.targets, tasks.ways):
        limit = comb(tasks.targets, tasks.ways)
        raise InputError(
            f"tasks.per_split = {tasks.per_split}: {tasks.targets} targets give {limit} {tasks.ways}-way tasks; at most {limit}"
        )
    if tasks.bank_per_split > comb(rest, tasks.ways):
        limit = comb(rest, tasks.ways)
        raise InputError(
            f"tasks.bank_per_split = {tasks.bank_per_split}: {rest} bank classes give {limit} tasks; at most {limit}"
        )
    for index, given in enumerate(tasks.given_targets):
        if len(set(given)) != tasks.targets or not all(0 <= label < classes for label in given):
            raise InputError(
                f"tasks.given_targets.{index} = {given}: expected {tasks.targets} different classes of 0..{classes - 1}"
            )
