"""IMP, iterative magnitude pruning with rewinding (Frankle et al. 2020, arXiv 1912.05671, algorithm 2).

Train, prune the same fraction of what is left, put the other weights back to where they were after `early` of the
steps, repeat. That all rounds share the steps of one training is our reading: the paper trains to the end in each.
BatchNorm and biases are rewound as well, and the optimizer is fresh (our reading).
"""

from maskbank.pruning.schedule import fractions
from maskbank.sparse.changes import each, prune, remember, rewind
from maskbank.sparse.goal import Goal
from maskbank.sparse.phase import Phase, count_of, part_of, spread

ROLE = "rival"
PATTERNS = ("unstructured", "block", "channel")


def phases(goal: Goal, *, rounds: int = 4, early: float = 0.05) -> list[Phase]:
    """A round of training before each prune, and one after the last, of equal length."""
    first = part_of(goal.steps, early, "sparsify.options.imp.early")
    count = count_of(rounds, "sparsify.options.imp.rounds")
    lengths = spread(goal.steps - first, count + 1, "trainings (options.imp.rounds and one)")
    begin = [Phase(first, goal.live(1))] if first else []
    trained = [Phase(lengths[0], goal.live(1), remember, opens=not first)]
    for length, fraction in zip(lengths[1:], fractions(f"exponential:{rounds}", goal.budget), strict=True):
        live = goal.live(fraction)
        trained.append(Phase(length, live, each(prune(live), rewind)))
    return begin + trained
