"""GraSP at initialisation (Wang et al. 2020, arXiv 2002.07376): masks by a score of the untrained model.

The masks never move. The score and what is our reading of it stand in `pruning.scores.grasp`; it looks at
`sparsify.score_images` training images.
"""

from maskbank.pruning.scores.grasp import saliency
from maskbank.sparse.changes import score
from maskbank.sparse.goal import Goal
from maskbank.sparse.phase import Phase

ROLE = "rival"
CLASSIFIES = True
SCORES_IMAGES = True
PATTERNS = ("unstructured", "n:m", "block", "channel")


def phases(goal: Goal) -> list[Phase]:
    live = goal.live(goal.budget)
    return [Phase(goal.steps, live, score(saliency, [live]))]
