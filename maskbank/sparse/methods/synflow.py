"""SynFlow at initialisation (Tanaka et al. 2020, arXiv 2006.05467, algorithm 1): masks of the untrained model, without data.

In `rounds` rounds, down by equal ratios, what is left is scored again; then the masks never move. The score and what is
our reading of it stand in `pruning.scores.synflow`.
"""

from maskbank.pruning.schedule import fractions
from maskbank.pruning.scores.synflow import saliency
from maskbank.sparse.changes import score
from maskbank.sparse.goal import Goal
from maskbank.sparse.phase import Phase, count_of

ROLE = "rival"
CLASSIFIES = True
PATTERNS = ("unstructured", "block", "channel")


def phases(goal: Goal, *, rounds: int = 100) -> list[Phase]:
    count = count_of(rounds, "sparsify.options.synflow.rounds")
    path = [goal.live(fraction) for fraction in fractions(f"exponential:{count}", goal.budget)]
    return [Phase(goal.steps, path[-1], score(saliency, path))]
