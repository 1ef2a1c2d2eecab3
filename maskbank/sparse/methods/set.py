"""SET, sparse evolutionary training (Mocanu et al. 2018, Nature Communications 9:2383).

From random masks on, every `interval` steps a fraction `drop` of each tensor's live weights, those nearest to zero, give
way to as many random ones that were masked. An interval of steps instead of an epoch, and that what was just dropped does
not come back at once, are our reading.
"""

from maskbank.sparse.goal import Goal
from maskbank.sparse.masks import moved
from maskbank.sparse.phase import Change, Phase, Training
from maskbank.sparse.turnover import turns

ROLE = "rival"
PATTERNS = ("unstructured", "block", "channel")


def phases(goal: Goal, *, interval: int = 10, drop: float = 0.3) -> list[Phase]:
    return turns(goal, interval, goal.steps, "set", drop, lambda step: evolve(drop))


def evolve(drop: float) -> Change:
    def change(training: Training) -> None:
        chance = training.chance()
        training.put({
            name: moved(mask, training.goal.pattern, training.weights[name].detach().abs(), chance[name], drop)
            for name, mask in training.masks.items()
        })  # fmt: skip

    return change
