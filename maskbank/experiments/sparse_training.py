"""One sparse training of a cell: its spec, and a net under its schedule, ready for the first step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from maskbank.cells.engine import Runtime
from maskbank.cells.spec import Cell, Spec
from maskbank.experiments.dense import cell_data
from maskbank.experiments.jobs import Generated, Images, Job, rested
from maskbank.measures.weight_cost import weight_cost
from maskbank.models.checkpoint import Architecture
from maskbank.pruning.weights import prunable_weights
from maskbank.registry import BACKBONES, SPARSIFIERS, WORKLOADS
from maskbank.sparse.goal import Goal
from maskbank.sparse.parallel import in_line
from maskbank.sparse.phase import Phase, openings
from maskbank.sparse.rates import Rates
from maskbank.sparse.schedule import schedule
from maskbank.sparse.trainer import SparseTrainer
from maskbank.training.loop import Curve

IMAGES = "images"  # the workload of the prepared data


class SparsifySpec(Spec):
    stage: ClassVar[str] = "sparsify"

    recipe: str = "scratch"
    setup: str = "same-steps"
    budget_kind: str = "weights"
    workload: str = IMAGES
    dataset: str | None = None
    classes: tuple[int, ...] = ()
    model: dict[str, Any] = {}
    options: dict[str, Any] = {}
    steps: int
    tune_fraction: float
    batch: int
    lr: float
    crop: int = 0
    flip: bool = False
    score_images: int = 0
    validate_phases: bool = False
    debug: bool = False

    def points(self) -> tuple[int, ...]:
        return (self.steps,)

    def modules(self) -> tuple[str, ...]:
        made = WORKLOADS.module_name(self.workload) if self.workload != IMAGES else BACKBONES.module_name(self.backbone)
        return (made, SPARSIFIERS.module_name(self.method))

    def goal(self, model: nn.Module) -> Goal:
        shapes = {name: tuple(weight.shape) for name, weight in prunable_weights(model).items()}
        pattern, allocation = ("unstructured", "uniform") if self.budget == 1 else (self.pattern, self.allocation)
        return Goal(shapes, self.budget, allocation, self.steps, self.tune_fraction, pattern, self.seed)

    def phases(self, model: nn.Module) -> list[Phase]:
        """The whole schedule. Raises InputError where it does not fit."""
        return schedule(self.method, self.goal(model), self.options)


def has_workers(spec: SparsifySpec) -> bool:
    """Whether cells of the stage grow come before it."""
    return bool(getattr(SPARSIFIERS.module(spec.method), "WORKERS", False))


def job_of(cell: Cell[SparsifySpec]) -> Job:
    spec = cell.spec
    if spec.workload != IMAGES:
        return Generated(spec.workload, spec.model)
    data = cell_data(cell)
    architecture = Architecture(spec.backbone, len(spec.classes), *data.image_shape, spec.model)
    return Images(data, spec.classes, architecture, spec.crop, spec.flip)


@dataclass(frozen=True)
class Stretch:
    """The phases that one cell trains: all, or a part of a schedule that goes on from what workers left.

    `first` steps of the line come before them; `state` is what the net starts from (None: random weights). `draw` tells
    the batches of one stretch from those of another.
    """

    phases: Sequence[Phase]
    first: int = 0
    state: dict[str, Tensor] | None = None
    draw: int = 0


def begin(spec: SparsifySpec, job: Job, runtime: Runtime, stretch: Stretch | None = None) -> SparseTrainer:
    """A net and its schedule. Batches are the same for all methods of a seed that train in one stretch."""
    torch.manual_seed(spec.seed)
    model = job.build()
    goal, whole = spec.goal(model), spec.phases(model)
    stretch = stretch or Stretch(whole)
    if stretch.state is not None:
        model.load_state_dict(stretch.state)
    steps = sum(phase.steps for phase in stretch.phases)
    order, chance = (torch.Generator().manual_seed(seed) for seed in (spec.seed + (stretch.draw << 32), spec.seed + 1))
    return SparseTrainer(
        model=model, goal=goal, phases=stretch.phases, batches=job.batches(spec.batch, steps, order),
        cost=weight_cost(model, job.blank), generator=chance, sample=job.sample(spec.score_images, chance),
        curve=Curve(steps, 10), lr=spec.lr, rates=Rates(spec.schedule, openings(in_line(whole)), goal.tune, stretch.first),
        loss_of=job.loss_of, precision=runtime.precision, debug=spec.debug,
        probe=(lambda net: rested(job, net, spec.seed)) if spec.validate_phases else None, judged=job.validated,
    )  # fmt: skip
