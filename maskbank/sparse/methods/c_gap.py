"""C-GaP, cyclic grow-and-prune (Ma et al., ICLR 2022, arXiv 2106.09857).

Partitions of layers take turns at being dense; when the turn passes on, the old one is pruned back by magnitude. The
published schedule has 4 partitions, 7 rounds and 28 x 30 + 150 epochs, each phase with a learning-rate schedule of its own
(rate `restart`). Random masks at the start are uniform where the allocation is global (our reading).
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import torch

from maskbank.errors import InputError
from maskbank.sparse.changes import draw, each, grow, prune
from maskbank.sparse.goal import Goal
from maskbank.sparse.phase import Phase, count_of

ROLE = "method"
PATTERNS = ("unstructured", "n:m", "block", "channel")


def phases(
    goal: Goal, *, partitions: int = 4, rounds: int = 2, partition: Literal["cyclic", "random"] = "cyclic"
) -> list[Phase]:
    """`rounds * partitions` growth phases of equal length, then one fine-tune. Raises InputError where they do not fit.

    cyclic: contiguous runs of layers in forward order. random: as many layers as a run has, of those that were not grown
    in the last phase.
    """
    names, turns = goal.names, count_of(rounds, "sparsify.options.c_gap.rounds") * partitions
    if not 1 <= partitions <= len(names):
        raise InputError(f"sparsify.options.c_gap.partitions = {partitions}: the model has {len(names)} layers to part")
    length = (goal.steps - goal.tune) // turns
    if length < 1:
        raise InputError(
            f"sparsify.steps = {goal.steps}: too few for {turns} growth phases; use fewer rounds or partitions"
        )
    runs = contiguous(names, partitions)
    grown = [runs[turn % partitions] for turn in range(turns)]
    if partition == "random":
        grown = drawn(names, partitions, turns, goal.seed)
    first = draw(
        replace(goal, allocation="uniform" if goal.allocation == "global" else goal.allocation).live(goal.budget)
    )
    found = []
    for turn, group in enumerate(grown):
        before = prune(goal.live(goal.budget, grown[turn - 1])) if turn else first
        rest = [name for name in names if name not in group]
        known = goal.live(goal.budget, rest) if goal.allocation != "global" else []
        notes = {"dense_partition": float(turn % partitions)} if partition == "cyclic" else {}
        found.append(Phase(length, goal.live(1, group) + known, each(before, grow(group)), notes=notes))
    live = goal.live(goal.budget)
    return [*found, Phase(goal.steps - turns * length, live, prune(live))]


def contiguous(names: Sequence[str], partitions: int) -> list[list[str]]:
    """Layers in forward order, cut into nearly equal runs."""
    edges = [round(index * len(names) / partitions) for index in range(partitions + 1)]
    return [list(names[start:end]) for start, end in pairwise(edges)]


def drawn(names: Sequence[str], partitions: int, turns: int, seed: int) -> list[list[str]]:
    """For each turn random layers, in forward order, none of which was grown in the turn before (unless all always are)."""
    generator, count = torch.Generator().manual_seed(seed), max(1, round(len(names) / partitions))
    found: list[list[str]] = []
    for _ in range(turns):
        free = [name for name in names if not found or name not in found[-1]] if partitions > 1 else list(names)
        order = torch.randperm(len(free), generator=generator)[:count].tolist()
        found.append([free[place] for place in sorted(order)])
    return found
