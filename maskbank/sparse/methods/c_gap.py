"""C-GaP, cyclic grow-and-prune (Ma et al., ICLR 2022, arXiv 2106.09857).

Partitions of layers take turns at being dense; when the turn passes on, the old one is pruned back by magnitude. The
published schedule has 4 partitions, 7 rounds and 28 x 30 + 150 epochs, each phase with a learning-rate schedule of its own
(rate `restart`). Random masks at the start are uniform where the allocation is global (our reading); the first partition
begins with the weights that the model was made with, as in the authors' code.
"""

from maskbank.sparse.changes import draw_first, each, grow, prune
from maskbank.sparse.goal import Goal
from maskbank.sparse.partitions import Kind, turns_of
from maskbank.sparse.phase import Phase, count_of, growth_steps

ROLE = "method"
PATTERNS = ("unstructured", "n:m", "block", "channel")


def phases(goal: Goal, *, partitions: int = 4, rounds: int = 2, partition: Kind = "cyclic") -> list[Phase]:
    """`rounds * partitions` growth phases of equal length, then one fine-tune. Raises InputError where they do not fit."""
    turns = count_of(rounds, "sparsify.options.c_gap.rounds") * partitions
    grown = turns_of(goal, partitions, turns, partition, "sparsify.options.c_gap.partitions")
    length, live = growth_steps(goal, turns), goal.live(goal.budget)
    found = []
    for turn, group in enumerate(grown):
        begin = each(prune(goal.live(goal.budget, grown[turn - 1])), grow(group)) if turn else draw_first(goal, group)
        notes = {"dense_partition": float(turn % partitions)} if partition == "cyclic" else {}
        found.append(Phase(length, goal.grown(group), begin, notes=notes, grown=group))
    return [*found, Phase(goal.steps - turns * length, live, prune(live))]
