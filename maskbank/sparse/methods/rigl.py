"""RigL, rigging the lottery (Evci et al. 2020, arXiv 1911.11134, algorithm 1).

From random masks on, every `interval` steps a fraction of each tensor's live weights, those nearest to zero, give way to
as many masked ones with the largest gradients. The fraction falls from `drop` to zero along a cosine, and there is no update
after `stop` of the steps. Our reading: the gradient is that of the batch just learned from, so that no step is lost to an
update, and what was just dropped does not come back at once.
"""

import math

from maskbank.sparse.goal import Goal
from maskbank.sparse.masks import moved
from maskbank.sparse.phase import Change, Phase, Training, part_of
from maskbank.sparse.turnover import turns

ROLE = "rival"
PATTERNS = ("unstructured", "block", "channel")


def phases(goal: Goal, *, interval: int = 10, drop: float = 0.3, stop: float = 0.75) -> list[Phase]:
    end = part_of(goal.steps, stop, "sparsify.options.rigl.stop", 1)
    return turns(goal, interval, end, "rigl", drop, lambda step: rig(moving(step, end, drop)), gradients=True)


def moving(step: int, end: int, drop: float) -> float:
    """The fraction of live weights that an update moves."""
    return drop / 2 * (1 + math.cos(math.pi * step / end))


def rig(fraction: float) -> Change:
    def change(training: Training) -> None:
        training.put({
            name: moved(
                mask, training.goal.pattern, training.weights[name].detach().abs(), training.slopes[name].abs(), fraction
            )
            for name, mask in training.masks.items()
        })  # fmt: skip

    return change
