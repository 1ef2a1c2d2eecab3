"""What a phase may begin with: masks drawn, scored, pruned, grown."""

from collections.abc import Sequence
from dataclasses import replace

from maskbank.pruning.density import Groups
from maskbank.sparse.goal import Goal
from maskbank.sparse.phase import Change
from maskbank.sparse.trainer import Saliency, SparseTrainer


def draw(live: Groups) -> Change:
    """Random masks."""
    return lambda trainer: trainer.put(trainer.goal.choose(trainer.chance(), live))


def draw_first(goal: Goal) -> Change:
    """Random masks at the goal's budget; uniform ones where its allocation ranks tensors together."""
    return draw(
        replace(goal, allocation="uniform" if goal.allocation == "global" else goal.allocation).live(goal.budget)
    )


def prune(live: Groups) -> Change:
    """The largest weights stay."""
    return lambda trainer: trainer.prune(live)


def grow(names: Sequence[str]) -> Change:
    return lambda trainer: trainer.grow(names)


def score(function: Saliency, rounds: Sequence[Groups]) -> Change:
    """The most salient weights stay; over several rounds those that are left are scored anew."""

    def change(trainer: SparseTrainer) -> None:
        for live in rounds:
            trainer.put(trainer.goal.choose(trainer.saliencies(function), live))

    return change


def each(*changes: Change) -> Change:
    """One after the other."""

    def change(trainer: SparseTrainer) -> None:
        for one in changes:
            one(trainer)

    return change
