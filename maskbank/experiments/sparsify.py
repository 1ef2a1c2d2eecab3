"""Sparse training from scratch: each method at each point of the grids, after equal steps or at equal training MACs."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from maskbank.cells.engine import Runtime
from maskbank.cells.result import Result
from maskbank.cells.spec import Cell, Spec
from maskbank.config import Params, Sparsify, SparsifyGrid
from maskbank.data.batches import TrainingBatches
from maskbank.data.dataset import DataSet, TestSet
from maskbank.experiments.dense import cell_data
from maskbank.experiments.world import World
from maskbank.files import read_json
from maskbank.measures.cost import Cost, trace_cost
from maskbank.models.checkpoint import Architecture
from maskbank.pruning.sample import Sample
from maskbank.pruning.weights import densities, live_weights, packed_bytes, prunable_weights
from maskbank.registry import BACKBONES, SPARSIFIERS
from maskbank.sparse.goal import Goal
from maskbank.sparse.packing import checkpoint_bytes, pack
from maskbank.sparse.schedule import same_macs, schedule
from maskbank.sparse.trainer import SparseTrainer
from maskbank.training.batchnorm import reestimate
from maskbank.training.evaluate import evaluate, judged_point
from maskbank.training.loop import Curve

PAPER_TUNE = 150 / 990  # GaP's published schedule: 28 growth phases of 30 epochs, and 150 to fine-tune
PAPER_OPTIONS = {"c_gap": {"partitions": 4, "rounds": 7}}
NORM_BATCHES, NORM_BATCH = 8, 128  # examples that BatchNorm is re-estimated on before a net is judged in mid-schedule


class SparsifySpec(Spec):
    stage: ClassVar[str] = "sparsify"

    recipe: str = "scratch"
    setup: str = "same-steps"
    budget_kind: str = "weights"
    classes: tuple[int, ...]
    model: dict[str, Any] = {}
    options: dict[str, Any] = {}
    steps: int
    tune_fraction: float
    batch: int
    lr: float
    crop: int
    flip: bool
    score_images: int = 0
    validate_phases: bool = False
    debug: bool = False

    def points(self) -> tuple[int, ...]:
        return (self.steps,)

    def modules(self) -> tuple[str, ...]:
        return (BACKBONES.module_name(self.backbone), SPARSIFIERS.module_name(self.method))

    def goal(self, model: nn.Module) -> Goal:
        shapes = {name: tuple(weight.shape) for name, weight in prunable_weights(model).items()}
        pattern, allocation = ("unstructured", "uniform") if self.budget == 1 else (self.pattern, self.allocation)
        return Goal(shapes, self.budget, allocation, self.steps, self.tune_fraction, pattern, self.seed)


@dataclass(frozen=True)
class Net:
    """The backbone of the stage with what its training costs: what plans are checked against."""

    model: nn.Module
    cost: Cost


def plan(params: Params, world: World) -> list[Cell[SparsifySpec]]:
    """Each method at each point of the grids and seed; a reference once for each rate, setup and seed, at budget 1.

    Every schedule is checked once the data are prepared, before anything is trained; until then steps of the setup
    same-macs are not known and taken to be those of the dense net.
    """
    given = params.sparsify
    specs: list[SparsifySpec] = []
    for grid in given.grids:
        for method in grid.methods:
            specs += [
                spec
                for spec in grid_specs(params, world, grid, method)
                if spec.role != "reference" or spec not in specs
            ]
    net = planned_net(params, world) if specs else None
    if net is not None:
        specs = [checked(spec, net) for spec in specs]
    return [Cell(spec, {"data": world.data}) for spec in specs]


def grid_specs(params: Params, world: World, grid: SparsifyGrid, method: str) -> list[SparsifySpec]:
    given, module = params.sparsify, SPARSIFIERS.module(method)
    reference = module.ROLE == "reference"
    points = [
        {"budget_asked": budget, "allocation": allocation, "pattern": grid.pattern}
        for budget in grid.budgets
        for allocation in grid.allocations
    ]
    scored = {"score_images": given.score_images} if getattr(module, "SCORES_IMAGES", False) else {}
    return [
        SparsifySpec(
            backbone=given.backbone, method=method, role=module.ROLE, seed=seed, schedule=rate,
            classes=tuple(range(world.classes)), model=dict(params.models.get(given.backbone, {})),
            crop=params.pretrain.crop, flip=params.pretrain.flip, validate_phases=given.validate_phases, debug=given.debug,
            **given.model_dump(include={"steps", "batch", "lr"}), **setup_fields(given, method, setup), **scored, **point,
        )
        for point in ([{"budget_asked": 1.0}] if reference else points)
        for rate in grid.rates
        for setup in grid.setups
        for seed in given.seeds
    ]  # fmt: skip


def setup_fields(given: Sparsify, method: str, setup: str) -> dict[str, Any]:
    """Fields that a setup decides. paper-schedule: the published proportions of growth and fine-tune, at our steps."""
    options = dict(given.options.get(method, {}))
    if setup != "paper-schedule":
        return {"setup": setup, "options": options, "tune_fraction": given.tune_fraction}
    return {"setup": setup, "options": options | PAPER_OPTIONS.get(method, {}), "tune_fraction": PAPER_TUNE}


def planned_net(params: Params, world: World) -> Net | None:
    """The backbone for the prepared data; None where there are none yet."""
    about = Path(world.data.path) / "data.json"
    if not world.data.path or not about.is_file():
        return None
    channels, size = read_json(about)["image"][:2]
    name = params.sparsify.backbone
    model = Architecture(name, world.classes, channels, size, dict(params.models.get(name, {}))).build()
    return Net(model, trace_cost(model, (channels, size)))


def checked(spec: SparsifySpec, net: Net) -> SparsifySpec:
    """The spec, with the steps of its setup. Raises InputError for a schedule that does not fit."""
    goal = spec.goal(net.model)
    schedule(spec.method, goal, spec.options)
    if spec.setup != "same-macs":
        return spec
    return spec.model_copy(update={"steps": same_macs(spec.method, goal, spec.options, net.cost).steps})


def run(cell: Cell[SparsifySpec], runtime: Runtime) -> Result:
    spec, data = cell.spec, cell_data(cell)
    channels, size = data.image_shape
    architecture = Architecture(spec.backbone, len(spec.classes), channels, size, spec.model)
    torch.manual_seed(spec.seed)
    trainer = begin(spec, architecture, data, runtime)
    trainer.run(runtime.snapshots)
    model, masks, cost = trainer.model, trainer.masks, trainer.cost
    test = TestSet(data, spec.classes)
    sheet, loss = evaluate(model, data, test.read(spec.steps))
    live, total = live_weights(masks)
    params = cost.params(cost.dense)
    values: dict[str, Any] = {
        "loss": loss, "budget_achieved": live / total,
        "params": params - total + live, "params_dense": params,
        "macs": cost.sparse_macs(densities(masks)), "macs_dense": cost.macs(cost.dense),
        "bytes": packed_bytes(model, masks if live < total else {}),
        "train_macs": trainer.train_macs, "selection_macs": float(trainer.selection_macs),
    }  # fmt: skip
    judged = evaluate(model, data, data.examples("validation", spec.classes))[0].accuracy
    measured = {"validation_accuracy": judged, "params_peak": float(params - total + trainer.peak)}
    metrics = [(spec.steps, name, "none", value) for name, value in measured.items()]
    metrics += [
        (spec.steps, "checkpoint_bytes", form, float(count)) for form, count in checkpoint_bytes(model, masks).items()
    ]
    return Result(
        points=[judged_point(spec.steps, sheet, values)],
        metrics=[*metrics, *test.metrics()],
        curves=trainer.curve.rows,
        timings={"adaptation_seconds": trainer.session.seconds},
        tensors=pack(model, masks),
        description=architecture.describe(),
    )


def begin(spec: SparsifySpec, architecture: Architecture, data: DataSet, runtime: Runtime) -> SparseTrainer:
    """A net with random weights and its whole schedule. Batches are the same for all methods of a seed."""
    model = architecture.build()
    train = data.examples("train", spec.classes)
    generator, chance = (torch.Generator().manual_seed(seed) for seed in (spec.seed, spec.seed + 1))
    seen = train.take(torch.randperm(len(train), generator=chance)[: spec.score_images])
    goal = spec.goal(model)
    return SparseTrainer(
        model=model, goal=goal, phases=schedule(spec.method, goal, spec.options),
        batches=TrainingBatches(data, train, spec.batch, spec.steps, generator, spec.crop, spec.flip),
        cost=trace_cost(model, data.image_shape), generator=chance, sample=Sample(data.normalise(seen.x), seen.y, chance),
        curve=Curve(spec.steps, 10), lr=spec.lr, rate=spec.schedule, precision=runtime.precision, debug=spec.debug,
        probe=(lambda net: rested_accuracy(net, data, spec)) if spec.validate_phases else None,
    )  # fmt: skip


def rested_accuracy(model: nn.Module, data: DataSet, spec: SparsifySpec) -> float:
    """On validation images, of a copy whose BatchNorm statistics are those of the net as it is now."""
    twin, generator = copy.deepcopy(model), torch.Generator().manual_seed(spec.seed)
    train = data.examples("train", spec.classes)
    reestimate(twin, TrainingBatches(data, train, NORM_BATCH, NORM_BATCHES, generator))
    return evaluate(twin, data, data.examples("validation", spec.classes))[0].accuracy
