"""What a phase may begin with: masks drawn, scored, pruned, grown."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from maskbank.pruning.density import Groups
from maskbank.sparse.goal import Goal
from maskbank.sparse.phase import Change, Saliency, Training


def draw(live: Groups) -> Change:
    """Random masks."""
    return lambda training: training.put(training.goal.choose(training.chance(), live))


def draw_first(goal: Goal, dense: Sequence[str]) -> Change:
    """Random masks at the goal's budget, uniform where its allocation ranks tensors together; tensors named stay whole.

    These keep the weights that the model was made with: nothing of them was ever masked.
    """
    live = replace(goal, allocation="uniform" if goal.allocation == "global" else goal.allocation).live(goal.budget)

    def change(training: Training) -> None:
        masks = training.goal.choose(training.chance(), live)
        training.put(masks | {name: torch.ones_like(masks[name]) for name in dense})

    return change


def prune(live: Groups) -> Change:
    """The largest weights stay."""
    return lambda training: training.prune(live)


def grow(names: Sequence[str]) -> Change:
    return lambda training: training.grow(names)


def score(function: Saliency, rounds: Sequence[Groups]) -> Change:
    """The most salient weights stay; over several rounds those that are left are scored again."""

    def change(training: Training) -> None:
        for live in rounds:
            training.put(training.goal.choose(training.saliencies(function), live))

    return change


def remember(training: Training) -> None:
    """Keep the model as it is now."""
    training.remember()


def rewind(training: Training) -> None:
    """Live weights go back to what was remembered."""
    training.rewind()


def each(*changes: Change) -> Change:
    """One after the other."""

    def change(training: Training) -> None:
        for one in changes:
            one(training)

    return change
