"""Static: random masks at the start that never move; what a method's choice of weights has to beat."""

from maskbank.sparse.changes import draw
from maskbank.sparse.goal import Goal
from maskbank.sparse.phase import Phase

ROLE = "control"
PATTERNS = ("unstructured", "n:m", "block", "channel")


def phases(goal: Goal) -> list[Phase]:
    live = goal.live(goal.budget)
    return [Phase(goal.steps, live, draw(live))]
