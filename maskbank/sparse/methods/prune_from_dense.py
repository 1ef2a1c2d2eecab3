"""Prune from dense: train dense for a part of the steps, prune by magnitude once (Han et al. 2015), fine-tune for the rest."""

from maskbank.errors import InputError
from maskbank.sparse.changes import prune
from maskbank.sparse.goal import Goal
from maskbank.sparse.phase import Phase, part_of

ROLE = "rival"
PATTERNS = ("unstructured", "n:m", "block", "channel")


def phases(goal: Goal, *, dense_fraction: float = 0.5) -> list[Phase]:
    dense = part_of(goal.steps, dense_fraction, "sparsify.options.prune_from_dense.dense_fraction", 1)
    live = goal.live(goal.budget)
    if dense == goal.steps:
        raise InputError(
            f"sparsify.options.prune_from_dense.dense_fraction = {dense_fraction:g}: leaves no step to fine-tune"
        )
    return [Phase(dense, goal.live(1)), Phase(goal.steps - dense, live, prune(live))]
