"""One-shot transfer: a sub-network for each target task, adapted along one trajectory and evaluated at each T."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from maskbank.cells.result import Result
from maskbank.cells.spec import Cell, spec_values
from maskbank.checks import among, check_all
from maskbank.config import Params
from maskbank.data.tasks import Task
from maskbank.errors import InputError
from maskbank.experiments.state import Banks, Start, Starts, State, banks_of
from maskbank.experiments.task import TaskSpec
from maskbank.experiments.work import Facts, Work, tested
from maskbank.files import canonical_json
from maskbank.patterns import Allocation, BudgetKind, Reconstruct, UnitPattern
from maskbank.records.labels import SHUFFLED_LABELS
from maskbank.registry import METHODS
from maskbank.section import BatchNorm, Count, Fraction, Names, Options, Positive, Rate, Section, Seeds
from maskbank.stages.pretrain import Pretrain

if TYPE_CHECKING:
    from maskbank.cells.engine import Runtime

AFTER = "tune"


class TransferGrid(Section):
    """Methods x budgets x ... . With `variants` each method is run with each of these options, and not with its own."""

    methods: Names | None = Field(None, description="null: all of transfer.methods")
    backbones: Names | None = Field(None, description="null: all of transfer.backbones")
    budgets: Annotated[list[Fraction], Field(min_length=1)]
    allocations: Annotated[list[Allocation], Field(min_length=1)]
    budget_kinds: Annotated[list[BudgetKind], Field(min_length=1)] = ["units"]
    bn: Annotated[list[BatchNorm], Field(min_length=1)] = ["reestimated"]
    reconstruct: Annotated[list[Reconstruct], Field(min_length=1)] = ["none"]
    shots: Annotated[list[Positive | None], Field(min_length=1)] = Field(
        [None], description="training images a class; null: all"
    )
    banks: Names | None = Field(None, description="null: the first of prune.banks")
    variants: dict[str, Options] = Field({}, description="name of an ablation -> options that differ")
    tuned: bool = Field(False, description="as the stage tune chose; tune.trials above 1")
    shuffled_labels: bool = Field(
        False, description="a sanity check: training labels in random order, so that accuracy must be at chance"
    )
    tasks: Literal["all", "targets", "foreign"] = Field(
        "all", description="target tasks, those of the data set `foreign`, or both"
    )


class Transfer(Starts):
    """One-shot sub-networks for the target tasks, adapted for a few steps along one trajectory."""

    methods: Names = ["smsp", "universal", "random", "l2", "taylor", "dense"]
    options: dict[str, Options] = {"smsp": {"neighbours": 5}}
    pattern: UnitPattern = "units"
    grids: list[TransferGrid] = [
        TransferGrid(budgets=[0.2, 0.1, 0.05], allocations=["uniform", "global_macs"]),
        TransferGrid(budgets=[0.5], allocations=["uniform"]),
    ]
    steps: Annotated[list[Count], Field(min_length=1)] = [0, 10, 30]
    score_images: Positive = 256
    batch: Positive = 64
    lr: Rate = 0.001
    seeds: Seeds = [0]
    draws: Positive = Field(1, description="seeds of a method that draws at random, for each of `seeds`")

    @model_validator(mode="after")
    def ascending(self) -> Self:
        if sorted(set(self.steps)) != self.steps:
            raise ValueError(f"steps {self.steps} must ascend without repeats")
        return self


SECTION = Transfer


def check(params: Params) -> None:
    given, pretrain, banks = params[Transfer], params[Pretrain], list(params[Banks].banks)
    check_all(METHODS, given.methods, given.options, "transfer.methods")
    among(given.backbones, pretrain.backbones, "transfer.backbones", "not among pretrain.backbones")
    for backbone in given.backbones:
        among([given.recipe], pretrain.recipes[backbone], "transfer.recipe", f"not pretrained for {backbone}")
    for index, seed in enumerate(given.pretrain_seeds):
        if seed not in pretrain.seeds:
            raise InputError(f"transfer.pretrain_seeds.{index} = {seed}: not among pretrain.seeds {pretrain.seeds}")
    for index, grid in enumerate(given.grids):
        key = f"transfer.grids.{index}"
        among(grid.methods, given.methods, f"{key}.methods", "not among transfer.methods")
        among(grid.backbones, given.backbones, f"{key}.backbones", "not among transfer.backbones")
        among(grid.banks, banks, f"{key}.banks", "not among prune.banks")
        for name, chosen in grid.variants.items():
            if name == "default":
                raise InputError(f"{key}.variants.default: the name of a method's own options; choose another")
            for method in grid.methods or given.methods:
                METHODS.check_options(method, dict(chosen), f"{key}.variants.{name}")
    check_all(METHODS, params.evaluate.latency_methods, {}, "evaluate.latency_methods")
    among([params.compare.method], given.methods, "compare.method", "not among transfer.methods")
    among(params.compare.against, given.methods, "compare.against", "not among transfer.methods")


class TransferSpec(TaskSpec):
    stage: ClassVar[str] = "transfer"

    tuning_macs: float = 0.0

    def modules(self) -> tuple[str, ...]:
        return (METHODS.module_name(self.method),)


def plan(params: Params, state: State) -> list[Cell[TransferSpec]]:
    """Every method at every point of the grids, for each target task; a reference once for all that it serves."""
    given = params[Transfer]
    cells = [
        method_cell(params, state, start, task, method, values | {"seed": seed})
        for start in state.starts()
        for task in (*start.split.target_tasks, *start.split.foreign_tasks)
        for grid in given.grids
        if start.backbone in (grid.backbones or given.backbones)
        if grid.tasks in ("all", "targets" if task in start.split.target_tasks else "foreign")
        for method in grid.methods or given.methods
        for seed in seeds_of(given, method)
        for values in method_points(params, state, start, method, grid)
    ]
    return once(cells)


def seeds_of(given: Transfer, method: str) -> list[int]:
    """Those of all methods; of one that draws at random others too, so that its luck averages out and shows in intervals."""
    draws = given.draws if METHODS.constant(method, "DRAWS") else 1
    more = range(max(given.seeds) + 1, max(given.seeds) + 1 + len(given.seeds) * (draws - 1))
    return [*given.seeds, *more]


def once(cells: list[Cell[TransferSpec]]) -> list[Cell[TransferSpec]]:
    """The cells without repeats of references; other repeats stay, to be refused by name."""
    found: dict[str, Cell[TransferSpec]] = {}
    for number, cell in enumerate(cells):
        reference = cell.spec.role == "reference"
        found.setdefault(canonical_json(spec_values(cell.spec)) if reference else str(number), cell)
    return list(found.values())


def method_points(params: Params, state: State, start: Start, method: str, grid: TransferGrid) -> list[dict[str, Any]]:
    """The fields of a spec in which the cells of one method in one grid differ."""
    tuned = state.tuned(start, method) if grid.tuned else {}
    sanity = {"variant": SHUFFLED_LABELS, "shuffled_labels": True} if grid.shuffled_labels else {}
    if METHODS.constant(method, "ROLE") == "reference":
        point = {"budget_asked": 1.0, "budget_kind": "none", "allocation": "none", "bn": "reestimated"}
        return [{**point, "shots": shots, **tuned, **sanity} for shots in grid.shots]
    first, reads_bank = banks_of(params, start)[0], "bank" in METHODS.arguments(method)
    if grid.banks and not reads_bank:
        return []
    return [
        {
            "budget_asked": budget, "budget_kind": kind, "allocation": allocation, "bn": bn, "reconstruct": reconstruct,
            "shots": shots, "bank": bank if reads_bank else "none", "variant": variant_name(name, bank, first),
            **sanity, **tuned, "options": {**options_of(params, method), **tuned.get("options", {}), **chosen},
        }
        for budget in grid.budgets
        for kind in grid.budget_kinds
        for allocation in grid.allocations
        for bn in grid.bn
        for reconstruct in grid.reconstruct
        for shots in grid.shots
        for bank in grid.banks or [first]
        for name, chosen in (grid.variants or {"default": {}}).items()
    ]  # fmt: skip


def options_of(params: Params, method: str) -> dict[str, Any]:
    """A control takes the options of the method that it varies."""
    given, base = params[Transfer].options, METHODS.base(method)
    return {**(given.get(base, {}) if base else {}), **given.get(method, {})}


def variant_name(name: str, bank: str, first: str) -> str:
    """`default` only for a method's own options on the first bank."""
    if bank == first:
        return name
    return f"bank {bank}" if name == "default" else f"{name}, bank {bank}"


def task_values(params: Params, start: Start, task: Task) -> dict[str, Any]:
    transfer, foreign = params[Transfer], task in start.split.foreign_tasks
    kind = "foreign" if foreign else start.split.task_split
    return {
        **start.labels, "task": task.name, "task_split": kind, "classes": task.classes, "ways": len(task.classes),
        "dataset": params.foreign.name if foreign and params.foreign else params.data.name,
        "pattern": transfer.pattern, "score_images": transfer.score_images, "adapt_steps": tuple(transfer.steps),
        "batch": transfer.batch, "lr": transfer.lr, "leak": "none" if kind in ("unseen", "foreign") else "backbone",
    }  # fmt: skip


def method_cell(
    params: Params, state: State, start: Start, task: Task, method: str, values: dict[str, Any]
) -> Cell[TransferSpec]:
    """A cell; a method that reads a bank has the one of its split among its inputs."""
    inputs = state.inputs(start, foreign=task in start.split.foreign_tasks)
    bank = values.get("bank", "none")
    if bank != "none":
        inputs["bank"] = state.bank(start, bank)
    values = task_values(params, start, task) | values
    if values.get("trials", 1) > 1:
        values["leak"] = "tuning" if values["leak"] == "none" else f"{values['leak']}, tuning"
    return Cell(TransferSpec(method=method, role=METHODS.constant(method, "ROLE"), **values), inputs)


def work(spec: TransferSpec, facts: Facts) -> Work:
    width, test = max(spec.budget, 0.25), tested(spec.classes, facts)
    judged = test * len(spec.adapt_steps) * width
    return Work(spec.batch * spec.adapt_steps[-1] * width, judged + 3 * spec.score_images)


def run(cell: Cell[TransferSpec], runtime: Runtime) -> Result:
    from maskbank.data.dataset import TestSet
    from maskbank.experiments.dense import cell_data
    from maskbank.experiments.extraction import extracted

    test = TestSet(cell_data(cell), cell.spec.classes)
    return replace(extracted(cell, test.read, runtime), metrics=test.metrics())
