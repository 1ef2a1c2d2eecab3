"""Sparse training from scratch: every method takes the same total steps."""

from typing import Any, ClassVar

import torch

from maskbank.cells.engine import Runtime
from maskbank.cells.result import Result
from maskbank.cells.spec import Cell, Spec
from maskbank.config import Params
from maskbank.data.batches import training_batches
from maskbank.data.dataset import TestSet
from maskbank.experiments.dense import cell_data
from maskbank.experiments.world import World
from maskbank.measures.cost import trace_cost
from maskbank.models.checkpoint import Architecture
from maskbank.pruning.weights import densities, live_weights, packed_bytes
from maskbank.registry import BACKBONES, SPARSIFIERS
from maskbank.sparse.trainer import SparseTrainer
from maskbank.training.evaluate import evaluate, judged_point
from maskbank.training.loop import Curve


class SparsifySpec(Spec):
    stage: ClassVar[str] = "sparsify"

    recipe: str = "scratch"
    setup: str = "same-steps"
    budget_kind: str = "weights"
    classes: tuple[int, ...]
    model: dict[str, Any] = {}
    options: dict[str, Any] = {}
    steps: int
    batch: int
    lr: float
    crop: int
    flip: bool

    def points(self) -> tuple[int, ...]:
        return (self.steps,)

    def modules(self) -> tuple[str, ...]:
        return (BACKBONES.module_name(self.backbone), SPARSIFIERS.module_name(self.method))


def plan(params: Params, world: World) -> list[Cell[SparsifySpec]]:
    """Each method at each budget and seed; references once a seed, at budget 1."""
    given = params.sparsify
    every = tuple(range(world.classes))
    roles = {method: SPARSIFIERS.module(method).ROLE for method in given.methods}
    return [
        Cell(
            SparsifySpec(
                backbone=given.backbone, method=method, role=roles[method], seed=seed, budget_asked=budget,
                allocation="none" if roles[method] == "reference" else given.allocation,
                classes=every, model=dict(params.models.get(given.backbone, {})),
                options=dict(given.options.get(method, {})), steps=given.steps, batch=given.batch, lr=given.lr,
                crop=params.pretrain.crop, flip=params.pretrain.flip,
            ),
            {"data": world.data},
        )
        for method in given.methods
        for budget in ([1.0] if roles[method] == "reference" else given.budgets)
        for seed in given.seeds
    ]  # fmt: skip


def run(cell: Cell[SparsifySpec], runtime: Runtime) -> Result:
    spec = cell.spec
    data = cell_data(cell)
    channels, size = data.image_shape
    torch.manual_seed(spec.seed)
    model = Architecture(spec.backbone, len(spec.classes), channels, size, spec.model).build()
    generator = torch.Generator().manual_seed(spec.seed)
    examples = data.examples("train", spec.classes)
    cost, curve = trace_cost(model, data.image_shape), Curve(spec.steps, 10)
    batches = training_batches(data, examples, spec.batch, spec.steps, generator, spec.crop, spec.flip)
    trainer = SparseTrainer(model, batches, spec.batch, spec.lr, cost, generator, runtime.precision, curve)
    SPARSIFIERS.module(spec.method).train(trainer, spec.budget, spec.allocation, spec.steps, **spec.options)
    test = TestSet(data, spec.classes)
    sheet, loss = evaluate(model, data, test.read(spec.steps))
    live, total = live_weights(trainer.masks)
    params = cost.params(cost.dense)
    values: dict[str, Any] = {
        "loss": loss, "budget_achieved": live / total,
        "params": params - total + live, "params_dense": params,
        "macs": cost.sparse_macs(densities(trainer.masks)), "macs_dense": cost.macs(cost.dense),
        "bytes": packed_bytes(model, trainer.masks if live < total else {}), "train_macs": trainer.macs,
    }  # fmt: skip
    return Result(points=[judged_point(spec.steps, sheet, values)], metrics=test.metrics(), curves=curve.rows)
