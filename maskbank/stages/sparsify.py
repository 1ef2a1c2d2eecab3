"""Sparse training from scratch: each method at each point of the grids, after equal steps or at equal training MACs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from maskbank.cells.result import Result
from maskbank.cells.spec import Cell, spec_values
from maskbank.checks import among, check_all
from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.experiments import grow
from maskbank.experiments.grow import Rounds
from maskbank.experiments.sparse_spec import IMAGES, SparseSpec, has_workers
from maskbank.experiments.state import State
from maskbank.experiments.work import Facts, Work, tested
from maskbank.patterns import MaskPattern, RateSchedule, SparseAllocation, check_fit, check_n_of_m, kind_of
from maskbank.registry import SPARSIFIERS, WORKLOADS
from maskbank.section import Fraction, Names, Options, Positive, Rate, Section, Seeds
from maskbank.stages.pretrain import Pretrain

if TYPE_CHECKING:
    from maskbank.cells.engine import Runtime

AFTER = "sharpness"
PAPER_TUNE = {"p_gap": 150 / 1110}  # GaP's published schedules: 32 growth phases of 30 epochs and 150 to fine-tune;
PAPER_TUNE_ELSE = 150 / 990  # 28 of 30, and 150
PAPER_OPTIONS = {"c_gap": {"partitions": 4, "rounds": 7}, "p_gap": {"partitions": 4, "rounds": 8}}


class SparsifyGrid(Section):
    """Methods x budgets x ... of sparse training. A budget is the fraction of prunable weights kept."""

    methods: Names
    backbones: Names | None = Field(None, description="null: all of sparsify.backbones")
    workload: str = Field("images", description="images of the data set; or what is trained for, with its own model")
    budgets: Annotated[list[Fraction], Field(min_length=1)] = [0.2, 0.1]
    allocations: Annotated[list[SparseAllocation], Field(min_length=1)] = ["uniform"]
    pattern: MaskPattern = Field(
        "unstructured", description="unstructured, n:m, block:b, or channel: whole outputs, masked"
    )
    rates: Annotated[list[RateSchedule], Field(min_length=1)] = Field(
        ["constant"],
        description="restart: warm-up and cosine in each phase; cosine: over all steps; constant: then a cosine in the fine-tune",
    )
    setups: Annotated[list[Literal["same-steps", "same-macs", "same-line", "paper-schedule"]], Field(min_length=1)] = (
        Field(
            ["same-steps"],
            description="same-macs: as many steps as cost what the dense training costs; same-line: as many as leave that number "
            "one after the other, where workers run side by side; paper-schedule: its proportions, 28 phases of 30 and 150",
        )
    )
    steps: Positive | None = Field(None, description="null: sparsify.steps; so batch and lr")
    batch: Positive | None = None
    lr: Rate | None = None


class Sparsify(Section):
    """Sparse training from scratch."""

    backbones: Names = ["resnet20"]
    grids: list[SparsifyGrid] = [SparsifyGrid(methods=["c_gap", "prune_from_dense"])]
    options: dict[str, Options] = {"c_gap": {"partitions": 3, "rounds": 2}}
    workloads: dict[str, Options] = Field({}, description="options of workloads: sizes of their data and models")
    seeds: Seeds = [0, 1]
    steps: Positive = 400
    tune_fraction: float = Field(
        0.25, gt=0, lt=1, description="the last steps, under the final masks where a method moves them"
    )
    batch: Positive = 64
    lr: Rate = 0.003
    score_images: Positive = Field(128, description="training images that scores at initialisation look at")
    validate_phases: bool = Field(False, description="accuracy on validation images where a phase begins, as a curve")
    debug: bool = Field(False, description="check after every step that masked weights and their moments are zero")


SECTION = Sparsify


def check(params: Params) -> None:
    """Names, and what is known of patterns without the model; schedules are checked when the stage is planned."""
    given = params[Sparsify]
    among(given.backbones, params[Pretrain].backbones, "sparsify.backbones", "not among pretrain.backbones")
    for name, options in given.workloads.items():
        WORKLOADS.check_options(name, dict(options), f"sparsify.workloads.{name}")
    check_all(SPARSIFIERS, [], given.options, "sparsify.methods")
    for index, grid in enumerate(given.grids):
        key = f"sparsify.grids.{index}"
        check_all(SPARSIFIERS, grid.methods, {}, f"{key}.methods")
        among(grid.backbones, given.backbones, f"{key}.backbones", "not among sparsify.backbones")
        check_workload(grid, key)
        check_methods(grid, key)
        plain = grid.allocations == ["uniform"]
        check_n_of_m(grid.pattern, grid.budgets, plain, key, "allocations [uniform]")
        for allocation in grid.allocations:
            check_fit(grid.pattern, grid.budgets[0], allocation, f"{key}.")
        if "same-macs" in grid.setups and "global" in grid.allocations:
            raise InputError(
                f"{key}.allocations = {grid.allocations}: what global costs is known only afterwards; "
                "with setup same-macs use uniform or erk"
            )


def check_methods(grid: SparsifyGrid, key: str) -> None:
    for place, method in enumerate(grid.methods):
        able = SPARSIFIERS.constant(method, "PATTERNS") or ("unstructured",)
        if kind_of(grid.pattern) not in able:
            raise InputError(
                f"{key}.methods.{place} = {method!r}: cannot end in pattern {grid.pattern}, only in {', '.join(able)}"
            )


def check_workload(grid: SparsifyGrid, key: str) -> None:
    """A workload has its own model, and no method that scores by images or by their gradients."""
    if grid.workload == "images":
        return
    if grid.workload not in WORKLOADS.names():
        known = ", ".join(["images", *WORKLOADS.names()])
        raise InputError(f"{key}.workload = {grid.workload!r}: no such workload; choose from {known}")
    if grid.backbones:
        raise InputError(
            f"{key}.backbones = {grid.backbones}: workload {grid.workload} has a model of its own; remove it"
        )
    for place, method in enumerate(grid.methods):
        if SPARSIFIERS.constant(method, "CLASSIFIES"):
            raise InputError(
                f"{key}.methods.{place} = {method!r}: its score is one of classifiers; use workload images"
            )


class SparsifySpec(SparseSpec):
    stage: ClassVar[str] = "sparsify"


@dataclass(frozen=True)
class Place:
    """What a grid is run on: a backbone for the prepared images, or a workload with its own model."""

    workload: str
    backbone: str
    dataset: str | None
    model: dict[str, Any]


def places(params: Params, grid: SparsifyGrid) -> list[Place]:
    given = params[Sparsify]
    if grid.workload != IMAGES:
        model, dataset = (WORKLOADS.constant(grid.workload, name) for name in ("MODEL", "DATASET"))
        return [Place(grid.workload, model, dataset, dict(given.workloads.get(grid.workload, {})))]
    names = grid.backbones or given.backbones
    return [Place(IMAGES, name, None, dict(params.models.get(name, {}))) for name in names]


def plan(params: Params, state: State) -> list[Cell[SparseSpec]]:
    """The trainings, and the workers that run before them."""
    cells, rounds = trainings(params, state)
    workers = [worker for cell, own in zip(cells, rounds, strict=True) for worker in grow.planned_workers(cell, own)]
    return [*workers, *cells]


def trainings(params: Params, state: State) -> tuple[list[Cell[SparsifySpec]], list[Rounds]]:
    """Each method at each point of the grids and seed; a reference once for each rate, setup and seed, at budget 1.

    The second list has the rounds of workers of each; what they leave is not among its inputs yet. Every schedule is checked
    once the data are prepared, before anything is trained; until then steps of the setups same-macs and same-line are not
    known, and taken to be those of the dense model.
    """
    found: list[tuple[SparsifySpec, Rounds]] = []
    for grid in params[Sparsify].grids:
        for place in places(params, grid):
            for method in grid.methods:
                more = [scheduled(spec, state) for spec in grid_specs(params, state, grid, place, method)]
                found += [each for each in more if each[0].role != "reference" or each not in found]
    cells = [Cell(spec, {"data": state.data} if spec.workload == IMAGES else {}) for spec, _ in found]
    return cells, [rounds for _, rounds in found]


def scheduled(spec: SparsifySpec, state: State) -> tuple[SparsifySpec, Rounds]:
    """The spec with the steps of its setup, and its workers. Raises InputError for a schedule that does not fit."""
    image = state.image if spec.workload == IMAGES else None
    if spec.workload == IMAGES and image is None:
        return spec, []

    def schedule() -> tuple[int, Rounds]:
        from maskbank.experiments.sparse_schedules import steps_and_rounds

        return steps_and_rounds(spec, image)

    steps, rounds = state.recalled({"schedule": spec_values(spec), "image": image}, schedule)
    return spec.model_copy(update={"steps": steps}), rounds


def grid_specs(params: Params, state: State, grid: SparsifyGrid, place: Place, method: str) -> list[SparsifySpec]:
    given, role = params[Sparsify], SPARSIFIERS.constant(method, "ROLE")
    reference = role == "reference"
    points = [
        {"budget_asked": budget, "allocation": allocation, "pattern": grid.pattern}
        for budget in grid.budgets
        for allocation in grid.allocations
    ]
    scored = {"score_images": given.score_images} if SPARSIFIERS.constant(method, "SCORES_IMAGES") else {}
    pretrain = params[Pretrain]
    images = {
        "classes": tuple(range(state.classes)), "crop": pretrain.crop, "flip": pretrain.flip
    } if place.workload == IMAGES else {}  # fmt: skip
    length = {name: getattr(grid, name) or getattr(given, name) for name in ("steps", "batch", "lr")}
    return [
        SparsifySpec(
            **vars(place), method=method, role=role, seed=seed, schedule=rate, validate_phases=given.validate_phases,
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


def work(spec: SparsifySpec, facts: Facts) -> Work:
    """Without the steps of workers, whose cells have them."""
    steps = spec.steps * spec.tune_fraction if has_workers(spec.method) else spec.steps
    return Work(spec.batch * steps, tested(spec.classes, facts))


def execute(params: Params) -> None:
    """Run all that runs side by side before the trainings, then these."""
    from maskbank.experiments.folders import run_stage

    cells, workers = grow.run_rounds(*trainings(params, State(params)), params)
    run_stage("sparsify", cells, params, before=workers)


def run(cell: Cell[SparsifySpec], runtime: Runtime) -> Result:
    from maskbank.experiments.segments import Spent, segment_of
    from maskbank.experiments.sparse_training import begin, job_of, phases_of
    from maskbank.pruning.weights import densities, live_weights, packed_bytes
    from maskbank.sparse.packing import checkpoint_bytes, pack
    from maskbank.sparse.parallel import critical_path, rounds_of

    spec, job, segment, before = cell.spec, job_of(cell), None, Spent()
    phases = phases_of(spec, job.build())
    if len(critical_path(phases)) < len(phases):
        segment, before = segment_of(cell, job, len(rounds_of(phases)) - 1)
    trainer = begin(spec, job, runtime, segment)
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
        "sequential_steps": float(sum(phase.steps for phase in critical_path(phases))),
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
