"""One-shot transfer: a sub-network for each target task, adapted along one trajectory and evaluated at each T."""

import time
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import nn

from maskbank.bank.target import Target
from maskbank.cells.engine import Runtime
from maskbank.cells.result import Result
from maskbank.cells.spec import Cell, spec_values
from maskbank.config import Params, TransferGrid
from maskbank.data.dataset import TestSet
from maskbank.data.tasks import Task
from maskbank.experiments.dense import cell_data, dense_model
from maskbank.experiments.entries import cell_bank
from maskbank.experiments.subnetwork import Judged, TaskSpec, adapt, show, sizes, start, target_of
from maskbank.experiments.world import Home, World, banks_of
from maskbank.files import canonical_json
from maskbank.measures.cost import Cost, trace_cost
from maskbank.measures.work import MacCounter
from maskbank.models.surgery import Kept
from maskbank.pruning.allocation import removal_order
from maskbank.pruning.budget import achieved, select
from maskbank.pruning.prune import merge_of, reconstructed, unit_set
from maskbank.pruning.sample import Scores
from maskbank.records.schema import SHUFFLED_LABELS
from maskbank.registry import METHODS
from maskbank.training.reset import reset_weights


class TransferSpec(TaskSpec):
    stage: ClassVar[str] = "transfer"

    options: dict[str, Any] = {}
    tuning_macs: float = 0.0

    def modules(self) -> tuple[str, ...]:
        return (METHODS.module_name(self.method),)


def plan(params: Params, world: World) -> list[Cell[TransferSpec]]:
    """Every method at every point of the grids, for each target task; a reference once for all that it serves."""
    cells = [
        method_cell(params, world, home, task, method, values | {"seed": seed})
        for home in world.homes()
        for task in (*home.split.target_tasks, *home.split.foreign_tasks)
        for seed in params.transfer.seeds
        for grid in params.transfer.grids
        if home.backbone in (grid.backbones or params.transfer.backbones)
        if grid.tasks in ("all", "targets" if task in home.split.target_tasks else "foreign")
        for method in grid.methods or params.transfer.methods
        for values in method_points(params, world, home, method, grid)
    ]
    return once(cells)


def once(cells: list[Cell[TransferSpec]]) -> list[Cell[TransferSpec]]:
    """The cells without repeats of references; other repeats stay, to be refused by name."""
    found: dict[str, Cell[TransferSpec]] = {}
    for number, cell in enumerate(cells):
        reference = cell.spec.role == "reference"
        found.setdefault(canonical_json(spec_values(cell.spec)) if reference else str(number), cell)
    return list(found.values())


def method_points(params: Params, world: World, home: Home, method: str, grid: TransferGrid) -> list[dict[str, Any]]:
    """The fields of a spec in which the cells of one method in one grid differ."""
    tuned = world.tuned(home, method) if grid.tuned else {}
    assay = {"variant": SHUFFLED_LABELS, "shuffled_labels": True} if grid.shuffled_labels else {}
    if METHODS.module(method).ROLE == "reference":
        point = {"budget_asked": 1.0, "budget_kind": "none", "allocation": "none", "bn": "reestimated"}
        return [{**point, "shots": shots, **tuned, **assay} for shots in grid.shots]
    first, reads_bank = banks_of(params, home)[0], "bank" in METHODS.arguments(method)
    if grid.banks and not reads_bank:
        return []
    return [
        {
            "budget_asked": budget, "budget_kind": kind, "allocation": allocation, "bn": bn, "reconstruct": reconstruct,
            "shots": shots, "bank": bank if reads_bank else "none", "variant": variant_name(name, bank, first),
            **assay, **tuned, "options": {**options_of(params, method), **tuned.get("options", {}), **chosen},
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
    given, base = params.transfer.options, METHODS.base(method)
    return {**(given.get(base, {}) if base else {}), **given.get(method, {})}


def variant_name(name: str, bank: str, first: str) -> str:
    """`default` only for a method's own options on the first bank."""
    if bank == first:
        return name
    return f"bank {bank}" if name == "default" else f"{name}, bank {bank}"


def task_values(params: Params, home: Home, task: Task) -> dict[str, Any]:
    transfer, foreign = params.transfer, task in home.split.foreign_tasks
    kind = "foreign" if foreign else home.split.task_split
    return {
        **home.labels, "task": task.name, "task_split": kind, "classes": task.classes, "ways": len(task.classes),
        "dataset": params.foreign.name if foreign and params.foreign else params.data.name,
        "pattern": transfer.pattern, "score_images": transfer.score_images, "adapt_steps": tuple(transfer.steps),
        "batch": transfer.batch, "lr": transfer.lr, "leak": "none" if kind in ("unseen", "foreign") else "backbone",
    }  # fmt: skip


def method_cell(
    params: Params, world: World, home: Home, task: Task, method: str, values: dict[str, Any]
) -> Cell[TransferSpec]:
    """A cell; a method that reads a bank has the one of its split among its inputs."""
    inputs = world.inputs(home, foreign=task in home.split.foreign_tasks)
    bank = values.get("bank", "none")
    if bank != "none":
        inputs["bank"] = world.bank(home, bank)
    values = task_values(params, home, task) | values
    if values.get("trials", 1) > 1:
        values["leak"] = "tuning" if values["leak"] == "none" else f"{values['leak']}, tuning"
    return Cell(TransferSpec(method=method, role=METHODS.module(method).ROLE, **values), inputs)


def run(cell: Cell[TransferSpec], runtime: Runtime) -> Result:
    test = TestSet(cell_data(cell), cell.spec.classes)
    return replace(transferred(cell, test.read, runtime), metrics=test.metrics())


def transferred(cell: Cell[TransferSpec], judged: Judged, runtime: Runtime) -> Result:
    """Choose units, cut, adapt, judge. All that methods differ in is the scores, and for `scratch` the weights."""
    spec, dense = cell.spec, dense_model(cell)
    generator = torch.Generator().manual_seed(spec.seed)
    shown = show(spec, cell_data(cell), generator)
    cost = trace_cost(dense, shown.data.image_shape, unit_set(spec.pattern))
    module, target = METHODS.module(spec.method), target_of(shown, dense, cost)

    started = time.process_time()
    with MacCounter() as spent:
        scores = method_scores(cell, dense, target)
    kept = select_units(spec, cost, scores)
    selection_seconds = time.process_time() - started

    torch.manual_seed(spec.seed)
    generator.manual_seed(spec.seed)
    model = reconstructed(dense, cost, kept, spec.reconstruct, target.sample, merge_of(module, spec.options))
    if getattr(module, "WEIGHTS", "pretrained") == "random":
        reset_weights(model)
    values = sizes(model, dense, cost, kept)
    values |= {"budget_achieved": achieved(kept, cost, known_kind(spec)), "selection_macs": float(spent.macs)}
    start(model, shown, generator)
    points, adaptation_seconds = adapt(model, shown, judged, generator, runtime.precision, values)
    return Result(
        points=points,
        timings={"selection_seconds": selection_seconds, "adaptation_seconds": adaptation_seconds},
        tensors={f"kept/{name}": index.numpy() for name, index in kept.items()},
        description={"task": spec.task},
    )


def select_units(spec: TransferSpec, cost: Cost, scores: Scores) -> Kept:
    order = removal_order(scores, cost, spec.allocation if spec.allocation != "none" else "uniform")
    return select(order, cost, known_kind(spec), spec.budget)


def known_kind(spec: TransferSpec) -> str:
    """The dense reference has no kind of budget; its size is given in units."""
    return spec.budget_kind if spec.budget_kind != "none" else "units"


def method_scores(cell: Cell[TransferSpec], model: nn.Module, target: Target) -> Scores:
    """A method is given what its entry function names."""
    given: dict[str, Any] = {
        "model": model, "layers": list(target.cost.layers), "sample": target.sample, "target": target,
    }  # fmt: skip
    wanted = METHODS.arguments(cell.spec.method)
    if "bank" in wanted:
        given["bank"] = cell_bank(cell)
    scores: Scores = METHODS.module(cell.spec.method).score(
        **{name: given[name] for name in wanted}, **cell.spec.options
    )
    return scores
