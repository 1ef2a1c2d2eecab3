"""One-shot transfer: a sub-network for each target task, adapted along one trajectory and evaluated at each T."""

import time
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from maskbank.bank.entry import open_bank
from maskbank.cells.engine import Runtime
from maskbank.cells.result import Point, Result
from maskbank.cells.spec import Cell, Spec
from maskbank.config import Params, TransferGrid
from maskbank.data.batches import training_batches
from maskbank.data.dataset import DataSet, Examples, TestSet
from maskbank.data.tasks import Task
from maskbank.experiments.dense import cell_data, dense_model
from maskbank.experiments.world import Home, World
from maskbank.measures.cost import Cost, parameter_count, tensor_bytes, trace_cost
from maskbank.measures.work import MacCounter
from maskbank.models.heads import replace_head
from maskbank.models.surgery import Kept
from maskbank.pruning.allocation import removal_order
from maskbank.pruning.budget import achieved, select
from maskbank.pruning.prune import merge_of, reconstructed, unit_set
from maskbank.pruning.sample import Sample
from maskbank.registry import METHODS
from maskbank.training.batchnorm import reestimate
from maskbank.training.evaluate import evaluate, judged_point
from maskbank.training.loop import train
from maskbank.training.prototypes import prototype_head

NORM_BATCHES, NORM_BATCH = 4, 128
PROTOTYPE_IMAGES = 100  # a class


class TransferSpec(Spec):
    stage: ClassVar[str] = "transfer"

    setup: str = "same-schedule"
    classes: tuple[int, ...]
    pattern: str = "units"
    maker: str = "none"
    options: dict[str, Any] = {}
    score_images: int
    adapt_steps: tuple[int, ...]
    batch: int
    lr: float

    def points(self) -> tuple[int, ...]:
        return self.adapt_steps

    def modules(self) -> tuple[str, ...]:
        return (METHODS.module_name(self.method),)


def plan(params: Params, world: World) -> list[Cell[TransferSpec]]:
    """Every method at every point of the grids, for each target task; references once a task, at budget 1."""
    return [
        method_cell(params, world, home, method, task_values(params, home, task) | {"seed": seed} | point)
        for home in world.homes()
        for task in home.split.target_tasks
        for seed in params.transfer.seeds
        for method in params.transfer.methods
        for point in method_points(METHODS.module(method).ROLE, params.transfer.grids)
    ]


def task_values(params: Params, home: Home, task: Task) -> dict[str, Any]:
    transfer = params.transfer
    return {
        **home.labels, "task": task.name, "task_split": home.split.task_split, "classes": task.classes,
        "ways": len(task.classes), "shots": transfer.shots, "budget_kind": transfer.budget_kind,
        "pattern": transfer.pattern, "leak": "none" if home.split.task_split == "unseen" else "backbone",
        "score_images": transfer.score_images, "adapt_steps": tuple(transfer.steps),
        "batch": transfer.batch, "lr": transfer.lr,
    }  # fmt: skip


def method_points(role: str, grids: list[TransferGrid]) -> list[dict[str, Any]]:
    """Budget, allocation and BN handling of each cell of a method."""
    if role == "reference":
        return [{"budget_asked": 1.0, "allocation": "none", "bn": "reestimated"}]
    return [
        {"budget_asked": budget, "allocation": allocation, "bn": bn, "reconstruct": reconstruct}
        for grid in grids
        for budget in grid.budgets
        for allocation in grid.allocations
        for bn in grid.bn
        for reconstruct in grid.reconstruct
    ]


def method_cell(params: Params, world: World, home: Home, method: str, values: dict[str, Any]) -> Cell[TransferSpec]:
    """A cell; a method that reads the bank has its split's bank among its inputs."""
    module, inputs = METHODS.module(method), world.inputs(home)
    options = dict(params.transfer.options.get(method, {}))
    maker = "none"
    if module.__name__.startswith("maskbank.bank."):
        maker = params.prune.makers[0]
        inputs["bank"] = world.bank(home.backbone, home.pretrain_seed, maker, home.split.name)
    return Cell(TransferSpec(method=method, role=module.ROLE, options=options, maker=maker, **values), inputs)


def run(cell: Cell[TransferSpec], runtime: Runtime) -> Result:
    spec = cell.spec
    data, dense = cell_data(cell), dense_model(cell)
    generator = torch.Generator().manual_seed(spec.seed)
    examples = data.examples("train", spec.classes, spec.shots)
    support = examples.take(torch.randperm(len(examples), generator=generator)[: PROTOTYPE_IMAGES * len(spec.classes)])
    cost = trace_cost(dense, data.image_shape, unit_set(spec.pattern))

    started = time.perf_counter()
    kept, sample, selection_macs = choose_units(cell, dense, data, support, cost)
    selection_seconds = time.perf_counter() - started

    torch.manual_seed(spec.seed)
    generator.manual_seed(spec.seed)
    merge = merge_of(METHODS.module(spec.method), spec.options)
    model = reconstructed(dense, cost, kept, spec.reconstruct, sample, merge)
    # of the net with the head that it came with; reconstruction may have added biases
    params = parameter_count(model) - parameter_count(dense) + cost.params(cost.dense)
    if spec.bn == "reestimated":
        reestimate(model, training_batches(data, examples, NORM_BATCH, NORM_BATCHES, generator))
    replace_head(model, prototype_head(model, data, support, len(spec.classes)))
    counts = {name: len(index) for name, index in kept.items()}
    values: dict[str, Any] = {
        "budget_achieved": achieved(kept, cost, spec.budget_kind),
        "params": params, "params_dense": cost.params(cost.dense),
        "macs": cost.macs(counts), "macs_dense": cost.macs(cost.dense), "bytes": tensor_bytes(model),
        "selection_macs": float(selection_macs),
    }  # fmt: skip
    test = TestSet(data, spec.classes)
    points = adapt(model, spec, data, examples, test, generator, runtime, values)
    return Result(
        points=points,
        metrics=test.metrics(),
        timings={"selection_seconds": selection_seconds},
        tensors={f"kept/{name}": index.numpy() for name, index in kept.items()},
        description={"task": spec.task},
    )


def choose_units(
    cell: Cell[TransferSpec], dense: nn.Module, data: DataSet, support: Examples, cost: Cost
) -> tuple[Kept, Sample, int]:
    """Units to keep, the examples they were chosen on, and the MACs spent on it.

    The head for scoring is made of the dense net's prototypes.
    """
    spec = cell.spec
    chosen = support.take(torch.arange(min(spec.score_images, len(support))))
    sample = Sample(data.normalise(chosen.x), chosen.y, torch.Generator().manual_seed(spec.seed))
    replace_head(dense, prototype_head(dense, data, support, len(spec.classes)))
    layers, module = list(cost.layers), METHODS.module(spec.method)
    with MacCounter() as spent:
        if "bank" in cell.inputs:
            folder = Path(cell.inputs["bank"].path)
            bank = open_bank(folder, spec.split, cell.inputs["dense"].hash)
            scores = module.score(dense, layers, sample, bank, spec.classes, **spec.options)
        else:
            scores = module.score(dense, layers, sample, **spec.options)
    order = removal_order(scores, cost, spec.allocation if spec.allocation != "none" else "uniform")
    return select(order, cost, spec.budget_kind, spec.budget), sample, spent.macs


def adapt(
    model: nn.Module, spec: TransferSpec, data: DataSet, examples: Examples, test: TestSet,
    generator: torch.Generator, runtime: Runtime, values: dict[str, Any],
) -> list[Point]:  # fmt: skip
    """Train on to each T at a constant rate, evaluating on the way: one trajectory, one optimizer."""
    optimizer = torch.optim.Adam(model.parameters(), spec.lr)
    points, done = [], 0
    for steps in spec.adapt_steps:
        if steps > done:
            batches = training_batches(data, examples, spec.batch, steps - done, generator)
            train(model, batches, optimizer, precision=runtime.precision)
        done = steps
        sheet, loss = evaluate(model, data, test.read(steps))
        spent = 3.0 * values["macs"] * spec.batch * steps
        points.append(judged_point(steps, sheet, values | {"loss": loss, "train_macs": spent}))
    return points
