"""Dense: the same steps without any mask; with budget 1 the reference."""

from maskbank.sparse.goal import Goal
from maskbank.sparse.phase import Phase

ROLE = "reference"
PATTERNS = ("unstructured", "n:m", "block", "channel")


def phases(goal: Goal) -> list[Phase]:
    return [Phase(goal.steps, goal.live(1))]
