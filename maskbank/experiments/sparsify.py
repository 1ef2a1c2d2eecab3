"""Sparse training from scratch: each method at each point of the grids, after equal steps or at equal training MACs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from maskbank.cells.engine import Runtime
from maskbank.cells.result import Result
from maskbank.cells.run import Finished
from maskbank.cells.spec import Cell
from maskbank.config import Params, Sparsify, SparsifyGrid
from maskbank.experiments.grow import Spent, run_rounds, stretch_of
from maskbank.experiments.jobs import Generated
from maskbank.experiments.sparse_training import IMAGES, SparsifySpec, begin, has_workers, job_of
from maskbank.experiments.world import World
from maskbank.measures.weight_cost import WeightCost, weight_cost
from maskbank.models.checkpoint import Architecture
from maskbank.pruning.weights import densities, live_weights, packed_bytes
from maskbank.registry import SPARSIFIERS, WORKLOADS
from maskbank.sparse.packing import checkpoint_bytes, pack
from maskbank.sparse.parallel import in_line, rounds_of
from maskbank.sparse.phase import Phase
from maskbank.sparse.schedule import same_macs

PAPER_TUNE = {"p_gap": 150 / 1110}  # GaP's published schedules: 32 growth phases of 30 epochs and 150 to fine-tune;
PAPER_TUNE_ELSE = 150 / 990  # 28 of 30, and 150
PAPER_OPTIONS = {"c_gap": {"partitions": 4, "rounds": 7}, "p_gap": {"partitions": 4, "rounds": 8}}


@dataclass(frozen=True)
class Net:
    """A net of the stage with what its training costs: what plans are checked against."""

    model: nn.Module
    cost: WeightCost


@dataclass(frozen=True)
class Place:
    """What a grid is run on: a backbone for the prepared images, or a workload with its own net."""

    workload: str
    backbone: str
    dataset: str | None
    model: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.workload} {self.backbone}"


def places(params: Params, grid: SparsifyGrid) -> list[Place]:
    given = params.sparsify
    if grid.workload != IMAGES:
        module = WORKLOADS.module(grid.workload)
        return [Place(grid.workload, module.MODEL, module.DATASET, dict(given.workloads.get(grid.workload, {})))]
    names = grid.backbones or given.backbones
    return [Place(IMAGES, name, None, dict(params.models.get(name, {}))) for name in names]


def plan(params: Params, world: World) -> list[Cell[SparsifySpec]]:
    """Each method at each point of the grids and seed; a reference once for each rate, setup and seed, at budget 1.

    Every schedule is checked once the data are prepared, before anything is trained; until then steps of the setup
    same-macs are not known and taken to be those of the dense net. What workers leave is not among the inputs yet.
    """
    specs: list[SparsifySpec] = []
    nets = known_nets([place for grid in params.sparsify.grids for place in places(params, grid)], world)
    for grid in params.sparsify.grids:
        for place in places(params, grid):
            net = nets[place.name]
            for method in grid.methods:
                found = grid_specs(params, world, grid, place, method)
                found = [spec if net is None else checked(spec, net) for spec in found]
                specs += [spec for spec in found if spec.role != "reference" or spec not in specs]
    return [Cell(spec, {"data": world.data} if spec.workload == IMAGES else {}) for spec in specs]


def grid_specs(params: Params, world: World, grid: SparsifyGrid, place: Place, method: str) -> list[SparsifySpec]:
    given, module = params.sparsify, SPARSIFIERS.module(method)
    reference = module.ROLE == "reference"
    points = [
        {"budget_asked": budget, "allocation": allocation, "pattern": grid.pattern}
        for budget in grid.budgets
        for allocation in grid.allocations
    ]
    scored = {"score_images": given.score_images} if getattr(module, "SCORES_IMAGES", False) else {}
    images = {
        "classes": tuple(range(world.classes)), "crop": params.pretrain.crop, "flip": params.pretrain.flip
    } if place.workload == IMAGES else {}  # fmt: skip
    length = {name: getattr(grid, name) or getattr(given, name) for name in ("steps", "batch", "lr")}
    return [
        SparsifySpec(
            **vars(place), method=method, role=module.ROLE, seed=seed, schedule=rate, validate_phases=given.validate_phases,
            debug=given.debug, **images, **length, **setup_fields(given, method, setup), **scored, **point,
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
    tune = PAPER_TUNE.get(method, PAPER_TUNE_ELSE)
    return {"setup": setup, "options": options | PAPER_OPTIONS.get(method, {}), "tune_fraction": tune}


def known_nets(places: Iterable[Place], world: World) -> dict[str, Net | None]:
    """The net of each place by its name, built once."""
    return {name: planned_net(place, world) for name, place in {place.name: place for place in places}.items()}


def planned_net(place: Place, world: World) -> Net | None:
    """The net that a place trains; None for images whose size is not known yet."""
    if place.workload != IMAGES:
        job = Generated(place.workload, place.model)
        model = job.build()
        return Net(model, weight_cost(model, job.blank))
    if world.image is None:
        return None
    channels, size = world.image
    model = Architecture(place.backbone, world.classes, channels, size, place.model).build()
    return Net(model, weight_cost(model, torch.zeros(1, channels, size, size)))


def checked(spec: SparsifySpec, net: Net) -> SparsifySpec:
    """The spec, with the steps of its setup. Raises InputError for a schedule that does not fit."""
    spec.phases(net.model)
    if spec.setup != "same-macs":
        return spec
    return spec.model_copy(update={"steps": same_macs(spec.method, spec.goal(net.model), spec.options, net.cost).steps})


def schedules(cells: Sequence[Cell[SparsifySpec]], params: Params, world: World) -> list[list[Phase]]:
    """The phases of each cell whose method has workers; of others, and of nets that are not known yet, none."""
    own = [place_of(cell.spec) if has_workers(cell.spec) else None for cell in cells]
    nets = known_nets([place for place in own if place is not None], world)
    found = []
    for cell, place in zip(cells, own, strict=True):
        net = None if place is None else nets[place.name]
        found.append([] if net is None else cell.spec.phases(net.model))
    return found


def place_of(spec: SparsifySpec) -> Place:
    return Place(spec.workload, spec.backbone, spec.dataset, spec.model)


def with_workers(params: Params, world: World) -> tuple[list[Cell[SparsifySpec]], list[Finished]]:
    """The cells of the stage, once all that runs side by side before them has run; and what ran."""
    cells = plan(params, world)
    return run_rounds(cells, schedules(cells, params, world), params)


def run(cell: Cell[SparsifySpec], runtime: Runtime) -> Result:
    spec, job, stretch, before = cell.spec, job_of(cell), None, Spent()
    phases = spec.phases(job.build())
    if len(in_line(phases)) < len(phases):
        stretch, before = stretch_of(cell, job, len(rounds_of(phases)) - 1)
    trainer = begin(spec, job, runtime, stretch)
    trainer.run(runtime.snapshots)
    model, masks, cost = trainer.model, trainer.masks, trainer.cost
    live, total = live_weights(masks)
    values: dict[str, Any] = {
        "budget_achieved": live / total, "params": cost.params - total + live, "params_dense": cost.params,
        "macs": cost.sparse_macs(densities(masks)), "macs_dense": cost.macs,
        "bytes": packed_bytes(model, masks if live < total else {}),
        "train_macs": trainer.train_macs + before.example_macs * spec.batch,
        "selection_macs": float(trainer.selection_macs),
    }  # fmt: skip
    point, tested = job.test(model, spec.steps, values)
    measured = {
        job.validated: job.validate(model),
        "params_peak": float(cost.params - total + max(trainer.peak, before.peak)),
        "steps_in_line": float(sum(phase.steps for phase in in_line(phases))),
    }
    metrics = [(spec.steps, name, "none", value) for name, value in measured.items()]
    metrics += [
        (spec.steps, "checkpoint_bytes", form, float(count)) for form, count in checkpoint_bytes(model, masks).items()
    ]
    return Result(
        points=[point],
        metrics=[*metrics, *tested],
        curves=trainer.curve.rows,
        timings={"adaptation_seconds": trainer.session.seconds},
        tensors=pack(model, masks),
        description=job.describe(),
    )
