"""AC/DC, alternating compressed and decompressed training (Peste et al. 2021, arXiv 2106.12379, algorithm 1).

Dense for a `warmup`, then `rounds` of a compressed phase (the largest weights) and a decompressed one (all weights, of which
those that were masked start at zero with zero moments), equally long, then a compressed fine-tune. Adam instead of SGD, and the
allocation that was asked for instead of the paper's global one, are our setting.
"""

from maskbank.sparse.changes import grow, prune
from maskbank.sparse.goal import Goal
from maskbank.sparse.phase import Phase, count_of, part_of, spread

ROLE = "rival"
PATTERNS = ("unstructured", "n:m", "block", "channel")


def phases(goal: Goal, *, rounds: int = 3, warmup: float = 0.1) -> list[Phase]:
    first = part_of(goal.steps, warmup, "sparsify.options.ac_dc.warmup", 1)
    count = 2 * count_of(rounds, "sparsify.options.ac_dc.rounds")
    lengths = spread(goal.steps - goal.tune - first, count, "compressed and decompressed phases (options.ac_dc.rounds)")
    live, dense = goal.live(goal.budget), goal.live(1)
    turns = [
        Phase(length, dense, grow(goal.names)) if turn % 2 else Phase(length, live, prune(live))
        for turn, length in enumerate(lengths)
    ]
    return [Phase(first, dense), *turns, Phase(goal.tune, live, prune(live))]
