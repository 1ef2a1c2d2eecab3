"""One sparse training of a cell: a model under its schedule, ready for the first step."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from maskbank.cells.engine import Runtime
from maskbank.cells.spec import Cell
from maskbank.experiments.dense import cell_data
from maskbank.experiments.jobs import Generated, Images, Job, score_reestimated
from maskbank.experiments.sparse_spec import IMAGES, SparseSpec
from maskbank.measures.weight_cost import weight_cost
from maskbank.models.checkpoint import Architecture
from maskbank.pruning.weights import prunable_weights
from maskbank.seeds import seed_of
from maskbank.sparse.goal import Goal
from maskbank.sparse.parallel import critical_path
from maskbank.sparse.phase import Phase, openings
from maskbank.sparse.rates import Rates
from maskbank.sparse.schedule import schedule
from maskbank.sparse.trainer import SparseTrainer
from maskbank.training.loop import Curve


def goal_of(spec: SparseSpec, model: nn.Module) -> Goal:
    shapes = {name: tuple(weight.shape) for name, weight in prunable_weights(model).items()}
    pattern, allocation = ("unstructured", "uniform") if spec.budget == 1 else (spec.pattern, spec.allocation)
    return Goal(shapes, spec.budget, allocation, spec.steps, spec.tune_fraction, pattern, spec.seed)


def phases_of(spec: SparseSpec, model: nn.Module) -> list[Phase]:
    """The whole schedule. Raises InputError where it does not fit."""
    return schedule(spec.method, goal_of(spec, model), spec.options)


def job_of(cell: Cell[SparseSpec]) -> Job:
    spec = cell.spec
    if spec.workload != IMAGES:
        return Generated(spec.workload, spec.model)
    data = cell_data(cell)
    architecture = Architecture(spec.backbone, len(spec.classes), *data.image_shape, spec.model)
    return Images(data, spec.classes, architecture, spec.crop, spec.flip)


@dataclass(frozen=True)
class Segment:
    """The phases that one cell trains: all, or a part of a schedule that goes on from what workers left.

    `first` steps of the line come before them; `state` is what the model starts from (None: random weights). `draw` tells
    the batches of one segment from those of another.
    """

    phases: Sequence[Phase]
    first: int = 0
    state: dict[str, Tensor] | None = None
    draw: int = 0


def begin(spec: SparseSpec, job: Job, runtime: Runtime, segment: Segment | None = None) -> SparseTrainer:
    """A model and its schedule. Batches are the same for all methods of a seed that train in one segment."""
    torch.manual_seed(seed_of(spec.seed, "weights", spec.backbone))
    model = job.build()
    goal, whole = goal_of(spec, model), phases_of(spec, model)
    segment = segment or Segment(whole)
    if segment.state is not None:
        model.load_state_dict(segment.state)
    steps = sum(phase.steps for phase in segment.phases)
    order, chance = spec.draw(f"batches of segment {segment.draw}"), spec.own_draw("masks")
    return SparseTrainer(
        model=model, goal=goal, phases=segment.phases, batches=job.batches(spec.batch, steps, order),
        cost=weight_cost(model, job.blank), generator=chance, sample=job.sample(spec.score_images, spec.draw("sample"), chance),
        curve=Curve(steps, 10), lr=spec.lr, rates=Rates(spec.schedule, openings(critical_path(whole)), goal.tune, segment.first),
        loss_of=job.loss_of, precision=runtime.precision, debug=spec.debug,
        probe=(lambda model: score_reestimated(job, model, spec.draw("norm"))) if spec.validate_phases else None,
        judged=job.validated,
    )  # fmt: skip
