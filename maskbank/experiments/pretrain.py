"""Pretraining: one cell for each backbone, recipe and seed on all classes, and for each unseen split without its targets."""

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
from maskbank.measures.cost import tensor_bytes, trace_cost
from maskbank.models.checkpoint import Architecture, model_tensors
from maskbank.registry import BACKBONES, RECIPES
from maskbank.training.evaluate import evaluate, judged_point
from maskbank.training.loop import Curve, train, warmup_cosine


class PretrainSpec(Spec):
    stage: ClassVar[str] = "pretrain"

    method: str = "dense"
    role: str = "reference"
    setup: str = "same-steps"
    budget_kind: str = "params"
    budget_asked: float | None = 1.0
    classes: tuple[int, ...]
    options: dict[str, Any] = {}
    steps: int
    batch: int
    lr: float
    crop: int
    flip: bool
    curve_points: int = 10

    def points(self) -> tuple[int, ...]:
        return (self.steps,)

    def modules(self) -> tuple[str, ...]:
        return (BACKBONES.module_name(self.backbone), RECIPES.module_name(self.recipe))


def plan(params: Params, world: World, backbone: str) -> list[Cell[PretrainSpec]]:
    """Cells of one backbone."""
    given = params.pretrain
    every = tuple(range(world.classes))
    base: dict[str, Any] = {
        "backbone": backbone,
        "options": dict(params.models.get(backbone, {})),
        **given.model_dump(include={"steps", "batch", "lr", "crop", "flip", "curve_points"}),
    }
    specs = [
        PretrainSpec(recipe=recipe, seed=seed, pretrain_seed=seed, classes=every, **base)
        for recipe in given.recipes[backbone]
        for seed in given.seeds
    ]
    if backbone in params.transfer.backbones:
        specs += [
            PretrainSpec(
                recipe=params.transfer.recipe, seed=seed, pretrain_seed=seed, split=split.name,
                classes=split.pretrain_classes, **base,
            )
            for split in world.splits
            if split.task_split == "unseen"
            for seed in params.transfer.pretrain_seeds
        ]  # fmt: skip
    return [Cell(spec, {"data": world.data}) for spec in specs]


def run(cell: Cell[PretrainSpec], runtime: Runtime) -> Result:
    spec = cell.spec
    data, recipe = cell_data(cell), RECIPES.module(spec.recipe)
    channels, size = data.image_shape
    architecture = Architecture(
        spec.backbone, len(spec.classes), channels, size, spec.options, parallel=recipe.PARALLEL
    )
    torch.manual_seed(spec.seed)
    model = architecture.build()
    generator = torch.Generator().manual_seed(spec.seed)
    examples = data.examples("train", spec.classes)
    batches = training_batches(data, examples, spec.batch, spec.steps, generator, spec.crop, spec.flip)
    optimizer = recipe.prepare(model.parameters(), spec.lr)
    curve = Curve(spec.steps, spec.curve_points)
    train(
        model, batches, optimizer, precision=runtime.precision, scheduler=warmup_cosine(optimizer, spec.steps), on_loss=curve
    )  # fmt: skip
    validation, validation_loss = evaluate(model, data, data.examples("validation", spec.classes))
    test = TestSet(data, spec.classes)
    sheet, loss = evaluate(model, data, test.read(spec.steps))
    cost = trace_cost(model, data.image_shape)
    size_of = {"params": cost.params(cost.dense), "macs": cost.macs(cost.dense)}
    values: dict[str, Any] = {
        "loss": loss,
        "budget_achieved": 1.0,
        **size_of,
        **{f"{name}_dense": value for name, value in size_of.items()},
        "bytes": tensor_bytes(model),
        "train_macs": 3.0 * recipe.PASSES * size_of["macs"] * spec.batch * spec.steps,
    }
    return Result(
        points=[judged_point(spec.steps, sheet, values)],
        metrics=[
            (spec.steps, "validation_accuracy", "none", validation.accuracy),
            (spec.steps, "validation_loss", "none", validation_loss),
            *test.metrics(),
        ],
        curves=curve.rows,
        tensors=model_tensors(model),
        description=architecture.describe(),
    )
