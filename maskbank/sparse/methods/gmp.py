"""GMP, gradual magnitude pruning (Zhu & Gupta 2017, arXiv 1710.01878, equation 1).

Sparsity rises as 1 - (1 - t)^3 of its final value in `updates` prunings, evenly spaced from `start` (a fraction of the
steps) to the beginning of the fine-tune. What is pruned stays pruned, as in the paper; where the ramp begins and ends
is our choice.
"""

from maskbank.pruning.schedule import fractions
from maskbank.sparse.changes import prune
from maskbank.sparse.goal import Goal
from maskbank.sparse.phase import Phase, count_of, part_of, spread

ROLE = "rival"
PATTERNS = ("unstructured", "block", "channel")


def phases(goal: Goal, *, updates: int = 16, start: float = 0.1) -> list[Phase]:
    first = part_of(goal.steps, start, "sparsify.options.gmp.start")
    count = count_of(updates, "sparsify.options.gmp.updates")
    lengths = spread(goal.steps - goal.tune - first, count, "updates (options.gmp.updates)")
    ramp = [Phase(first + lengths[0], goal.live(1))]
    for length, fraction in zip([*lengths[1:], goal.tune], fractions(f"cubic:{updates}", goal.budget), strict=True):
        live = goal.live(fraction)
        ramp.append(Phase(length, live, prune(live), opens=fraction == goal.budget))
    return ramp
