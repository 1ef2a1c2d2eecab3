"""Compression of each pretrained net in one shot, without fine-tuning."""

from typing import Any, ClassVar

import torch

from maskbank.cells.engine import Runtime
from maskbank.cells.result import Result
from maskbank.cells.spec import Cell, Spec
from maskbank.config import Params
from maskbank.data.batches import training_batches
from maskbank.data.dataset import TestSet
from maskbank.experiments.dense import cell_data, dense_model
from maskbank.experiments.world import World
from maskbank.measures.cost import trace_cost
from maskbank.registry import COMPRESSORS
from maskbank.training.batchnorm import reestimate
from maskbank.training.evaluate import evaluate, judged_point

NORM_BATCHES, NORM_BATCH = 8, 128  # examples that BatchNorm statistics are re-estimated on


class CompressSpec(Spec):
    stage: ClassVar[str] = "compress"

    setup: str = "same-base"
    classes: tuple[int, ...]

    def modules(self) -> tuple[str, ...]:
        return (COMPRESSORS.module_name(self.method),)


def plan(params: Params, world: World) -> list[Cell[CompressSpec]]:
    """Every net pretrained on all classes, at every point of the grids."""
    shelf = world.shelf(params.pretrain.backbones)
    return [
        Cell(
            CompressSpec(
                backbone=backbone, recipe=dense.spec["recipe"], pretrain_seed=dense.spec["seed"], seed=dense.spec["seed"],
                method=grid.method, role=COMPRESSORS.module(grid.method).ROLE, bn=bn, budget_asked=budget,
                budget_kind=COMPRESSORS.module(grid.method).BUDGET_KIND, allocation="global",
                classes=tuple(dense.spec["classes"]),
            ),
            {"data": world.data, "dense": dense.input},
        )
        for backbone in params.pretrain.backbones
        for dense in shelf.all_classes(backbone)
        for grid in params.compress.grids
        for budget in grid.budgets
        for bn in grid.bn
    ]  # fmt: skip


def run(cell: Cell[CompressSpec], runtime: Runtime) -> Result:
    spec = cell.spec
    data, model = cell_data(cell), dense_model(cell)
    cost = trace_cost(model, data.image_shape)
    compressed = COMPRESSORS.module(spec.method).compress(model, spec.budget)
    if spec.bn == "reestimated":
        generator = torch.Generator().manual_seed(spec.seed)
        train = data.examples("train", spec.classes)
        reestimate(model, training_batches(data, train, NORM_BATCH, NORM_BATCHES, generator))
    test = TestSet(data, spec.classes)
    sheet, loss = evaluate(model, data, test.read(0))
    weights = dict(model.named_parameters())
    removed = sum((1 - density) * weights[name].numel() for name, density in compressed.density.items())
    params, macs = cost.params(cost.dense), cost.macs(cost.dense)
    values: dict[str, Any] = {
        "loss": loss, "budget_achieved": compressed.achieved,
        "params": params - removed, "params_dense": params,
        "macs": cost.sparse_macs(compressed.density), "macs_dense": macs,
        "bytes": compressed.bytes, "train_macs": 0.0,
    }  # fmt: skip
    return Result(points=[judged_point(0, sheet, values)], metrics=test.metrics())
