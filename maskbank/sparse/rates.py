"""The learning rate of every step of a sparse training: the one place that decides it. Methods only say where phases open."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

WARMUP = 0.1


@dataclass(frozen=True)
class Rates:
    """`name` is one of:

    restart: each phase that opens has a warm-up and a cosine of its own, and a fresh optimizer (GaP's published way).
    cosine: one warm-up and one cosine over all steps. constant: the full rate, then a cosine over the last `tune` steps.
    `openings` are the steps at which phases open, and the number of all steps. `first` of them were taken elsewhere:
    steps are counted from there.
    """

    name: str
    openings: Sequence[int]
    tune: int
    first: int = 0

    def restarts(self, step: int) -> bool:
        """Whether a warm-up with a fresh optimizer begins after `step` steps."""
        return self.name == "restart" and step + self.first in self.openings

    def factor(self, step: int) -> float:
        """Of the learning rate, for the step after `step` others."""
        step, total = step + self.first, self.openings[-1]
        if self.name == "constant":
            return 1.0 if step < total - self.tune else cosine(step - (total - self.tune), self.tune)
        if self.name == "cosine":
            return rise_and_fall(step, total)
        place = min(bisect_right(self.openings, step), len(self.openings) - 1)
        first = self.openings[place - 1]
        return rise_and_fall(step - first, self.openings[place] - first)


def cosine(step: int, steps: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(step, steps) / max(1, steps)))


def rise_and_fall(step: int, steps: int) -> float:
    """A linear warm-up over the first tenth, then a cosine to zero."""
    rise = max(1, round(steps * WARMUP))
    return (step + 1) / rise if step < rise else cosine(step - rise, steps - rise)
