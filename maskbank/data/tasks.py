"""Splits of the classes, and the few-way tasks of each.

A split holds some classes out as targets. Its bank tasks are drawn from the other classes, so that every bank
entry shares no class with any target task. In an `unseen` split the backbone never saw the targets in pretraining;
in a `heldout` split it did. Tasks of one split overlap in classes: the split is the cluster of every statistic.
"""

from collections.abc import Sequence
from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from maskbank.config import Tasks
from maskbank.errors import InputError
from maskbank.files import hash_json, read_json
from maskbank.seeds import numpy_generator

Classes = tuple[int, ...]


class Task(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    classes: Classes


class Split(BaseModel):
    """Which classes are targets, which were pretrained on, and the tasks on both sides."""

    model_config = ConfigDict(frozen=True)

    name: str
    task_split: str  # heldout, unseen or validation
    pretrain_classes: Classes
    target_classes: Classes
    bank_tasks: tuple[Task, ...]
    target_tasks: tuple[Task, ...]
    foreign_tasks: tuple[Task, ...] = ()  # of the data set `foreign`

    @property
    def hash(self) -> str:
        return hash_json(self.model_dump(mode="json"))


def read_splits(folder: Path) -> list[Split]:
    """The splits as `prepare` drew them."""
    return [Split.model_validate(split) for split in read_json(folder / "splits.json")]


def draw_splits(tasks: Tasks, classes: int, foreign: int = 0) -> list[Split]:
    """Draw the splits by seed; those of `given_targets` come first, those for tuning last. Equal params, equal splits.

    `classes` and `foreign` are the numbers of classes of the data set and of the other one (0: there is none).
    """
    if not tasks.splits:
        return []
    check_tasks(tasks, classes, foreign)
    generator = numpy_generator(tasks.seed, "splits", classes, *tasks.ways)
    chosen: list[Classes] = [tuple(sorted(given)) for given in tasks.given_targets]
    while len(chosen) < tasks.splits + tasks.validation_splits:
        drawn = tuple(sorted(generator.choice(classes, tasks.targets, replace=False).tolist()))
        if drawn not in chosen:
            chosen.append(drawn)
    splits = [make_split(index, targets, tasks, classes, generator) for index, targets in enumerate(chosen)]
    return [add_foreign(split, tasks, foreign, generator) for split in splits] if foreign else splits


def make_split(index: int, targets: Classes, tasks: Tasks, classes: int, generator: np.random.Generator) -> Split:
    validation, unseen = index >= tasks.splits, index < tasks.unseen_splits
    name = f"v{index - tasks.splits}" if validation else f"s{index}"
    others = tuple(label for label in range(classes) if label not in targets)
    return Split(
        name=name,
        task_split="validation" if validation else "unseen" if unseen else "heldout",
        pretrain_classes=others if unseen else tuple(range(classes)),
        target_classes=targets,
        bank_tasks=draw_tasks(f"{name}/b", others, tasks.ways, tasks.bank_per_split, generator),
        target_tasks=draw_tasks(f"{name}/t", targets, tasks.ways, tasks.per_split, generator),
    )


def add_foreign(split: Split, tasks: Tasks, foreign: int, generator: np.random.Generator) -> Split:
    """The split with tasks of the other data set; those for tuning get none."""
    if split.task_split == "validation":
        return split
    drawn = draw_tasks(f"{split.name}/f", tuple(range(foreign)), tasks.ways, tasks.foreign_per_split, generator)
    return split.model_copy(update={"foreign_tasks": drawn})


def draw_tasks(
    prefix: str, classes: Classes, ways: Sequence[int], count: int, generator: np.random.Generator
) -> tuple[Task, ...]:
    """`count` tasks of each number of ways, numbered through."""
    drawn = [task for way in ways for task in draw_sets(classes, way, count, generator)]
    return tuple(Task(name=f"{prefix}{number}", classes=chosen) for number, chosen in enumerate(drawn))


def draw_sets(classes: Classes, ways: int, count: int, generator: np.random.Generator) -> list[Classes]:
    """`count` different sets of `ways` classes; enumerated where there are few, rejected repeats where there are many."""
    if comb(len(classes), ways) <= 10_000:
        every = list(combinations(classes, ways))
        return [every[index] for index in sorted(generator.choice(len(every), count, replace=False))]
    unique: dict[Classes, None] = {}
    while len(unique) < count:
        unique[tuple(sorted(generator.choice(classes, ways, replace=False).tolist()))] = None
    return list(unique)


def check_tasks(tasks: Tasks, classes: int, foreign: int = 0) -> None:
    """Raise an InputError naming the first key that these numbers of classes cannot satisfy."""
    rest, splits = classes - tasks.targets, tasks.splits + tasks.validation_splits
    if rest < max(tasks.ways):
        raise InputError(
            f"tasks.targets = {tasks.targets}: leaves {rest} of {classes} classes for the bank; "
            f"at most {classes - max(tasks.ways)}"
        )
    if splits > comb(classes, tasks.targets):
        more = f" and validation_splits = {tasks.validation_splits}" if tasks.validation_splits else ""
        raise InputError(
            f"tasks.splits = {tasks.splits}{more}: only {comb(classes, tasks.targets)} different target sets exist"
        )
    asked = [
        ("per_split", tasks.per_split, tasks.targets, "targets"),
        ("bank_per_split", tasks.bank_per_split, rest, "bank classes"),
    ]
    if foreign:
        asked.append(("foreign_per_split", tasks.foreign_per_split, foreign, "foreign classes"))
    for key, count, among, noun in asked:
        for ways in tasks.ways:
            if count > comb(among, ways):
                limit = comb(among, ways)
                raise InputError(
                    f"tasks.{key} = {count}: {among} {noun} give {limit} {ways}-way tasks; at most {limit}"
                )
    for index, given in enumerate(tasks.given_targets):
        if len(set(given)) != tasks.targets or not all(0 <= label < classes for label in given):
            raise InputError(
                f"tasks.given_targets.{index} = {given}: expected {tasks.targets} different classes of 0..{classes - 1}"
            )
