"""The schedule of a sparse training: phases of steps under fixed masks, known before training begins."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Protocol

from torch import Tensor, nn

from maskbank.errors import InputError
from maskbank.measures.weight_cost import WeightCost
from maskbank.pruning.density import Groups
from maskbank.pruning.sample import Sample
from maskbank.pruning.weights import Masks, Saliencies
from maskbank.sparse.goal import Goal

Saliency = Callable[[nn.Module, dict[str, nn.Parameter], Sample], Saliencies]


class Training(Protocol):
    """What a change may see and do of a sparse training; `slopes` are the gradients where a phase asked for them."""

    goal: Goal
    weights: dict[str, nn.Parameter]
    slopes: dict[str, Tensor]

    @property
    def masks(self) -> Masks: ...
    def put(self, masks: Masks) -> None: ...
    def prune(self, live: Groups) -> None: ...
    def grow(self, names: Iterable[str]) -> None: ...
    def chance(self) -> Saliencies: ...
    def saliencies(self, function: Saliency) -> Saliencies: ...
    def remember(self) -> None: ...
    def rewind(self) -> None: ...


Change = Callable[[Training], None]


@dataclass(frozen=True)
class Phase:
    """`steps` steps with `live` prunable groups. `change` moves masks or weights before the first of them.

    `opens`: the rate `restart` begins again here, with a fresh optimizer. `gradients`: the last step leaves the gradient
    of all weights, masked ones too, to the change that follows. `notes` are rows of the curve at its beginning. `worker`:
    phases that follow one another with the numbers 0, 1, ... run side by side, each from what the round before left; of
    each, the tensors that it has `grown` go on (`maskbank.sparse.parallel`).
    """

    steps: int
    live: Groups
    change: Change | None = None
    opens: bool = True
    gradients: bool = False
    notes: Mapping[str, float] = field(default_factory=dict)
    worker: int | None = None
    grown: Sequence[str] = ()


def starts_of(phases: Sequence[Phase]) -> list[int]:
    """The step before which each phase begins, and the end of the last."""
    return [0, *accumulate(phase.steps for phase in phases)]


def openings(phases: Sequence[Phase]) -> list[int]:
    """The steps at which the rate `restart` begins again, and the end."""
    starts = starts_of(phases)
    return [start for start, phase in zip(starts, phases, strict=False) if phase.opens or start == 0] + starts[-1:]


def spread(steps: int, parts: int, what: str) -> list[int]:
    """Steps over equal parts, as evenly as whole numbers go. Raises InputError where a part would have none."""
    if not 1 <= parts <= steps:
        raise InputError(f"sparsify.steps: {max(steps, 0)} are left for {parts} {what}; use more steps or fewer {what}")
    edges = [round(steps * part / parts) for part in range(parts + 1)]
    return [after - before for before, after in pairwise(edges)]


def growth_steps(goal: Goal, turns: int) -> int:
    """Steps of each of `turns` growth phases before the fine-tune, which takes what is left over."""
    length = (goal.steps - goal.tune) // turns
    if length < 1:
        raise InputError(
            f"sparsify.steps = {goal.steps}: too few for {turns} growth phases; use fewer rounds or partitions"
        )
    return length


def part_of(steps: int, fraction: float, key: str, least: int = 0) -> int:
    """A fraction of the steps. Raises InputError where it is out of range or below `least` steps."""
    if not 0 <= fraction < 1 or round(steps * fraction) < least:
        raise InputError(
            f"{key} = {fraction:g}: expected a fraction of {steps} steps below 1, of {least} steps or more"
        )
    return round(steps * fraction)


def count_of(value: int, key: str) -> int:
    """A number of rounds or the like. Raises InputError below 1."""
    if value < 1:
        raise InputError(f"{key} = {value}: expected 1 or more")
    return value


def training_macs(phases: Sequence[Phase], goal: Goal, cost: WeightCost) -> float:
    """MACs of a whole training of one example a step, before it begins. Raises InputError for allocation global."""
    known = {id(phase.live): cost.sparse_macs(goal.densities(phase.live)) for phase in phases}
    return sum(step_macs(known[id(phase.live)], cost.macs, phase.steps, phase.gradients) for phase in phases)


def step_macs(sparse: float, dense: float, steps: int, gradients: bool) -> float:
    """MACs of steps on one example: 3 passes at the MACs of the live weights, a gradient of all weights a dense one."""
    return 3 * sparse * steps + (dense - sparse) * gradients
