"""P-GaP, parallel grow-and-prune (Ma et al., ICLR 2022, arXiv 2106.09857): one worker a partition, side by side.

In each round every worker starts from the same sparse weights, makes its own partition dense and trains; of each, that
partition goes on with its norms, all else is averaged, and all is pruned by magnitude (`maskbank.sparse.parallel`).
The published schedule has 4 partitions and 32 x 30 + 150 epochs, those of all workers counted: 8 rounds. Each worker begins
with a fresh optimizer whatever the rate, and sees batches of its own (our reading). `partition` random: every round
parts the layers again.
"""

from maskbank.sparse.changes import draw_first, each, grow, prune
from maskbank.sparse.goal import Goal
from maskbank.sparse.partitions import Kind, rounds_at_random, turns_of
from maskbank.sparse.phase import Phase, count_of, growth_steps

ROLE = "method"
WORKERS = True
PATTERNS = ("unstructured", "n:m", "block", "channel")


def phases(goal: Goal, *, partitions: int = 4, rounds: int = 2, partition: Kind = "cyclic") -> list[Phase]:
    """`rounds` of `partitions` workers of equal length, then one fine-tune. Raises InputError where they do not fit."""
    turns = count_of(rounds, "sparsify.options.p_gap.rounds") * partitions
    grown = turns_of(goal, partitions, turns, "cyclic", "sparsify.options.p_gap.partitions")
    if partition == "random":
        grown = rounds_at_random(goal, partitions, rounds)
    length, live = growth_steps(goal, turns), goal.live(goal.budget)
    workers = [
        Phase(
            length, goal.grown(group),
            each(prune(live), grow(group)) if turn >= partitions else draw_first(goal, group),
            worker=turn % partitions, grown=group,
        )
        for turn, group in enumerate(grown)
    ]  # fmt: skip
    return [*workers, Phase(goal.steps - turns * length, live, prune(live))]
