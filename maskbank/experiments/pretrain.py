"""Pretraining: one cell for each backbone, recipe and seed on all classes, and for each unseen split without its targets.

Each net of all classes of a backbone in `pretrain.stop_loss` is trained a second time, until its training loss is that low.
"""

from dataclasses import replace
from typing import Any, ClassVar

import torch

from maskbank.cells.engine import Runtime
from maskbank.cells.result import Result
from maskbank.cells.snapshots import Snapshots
from maskbank.cells.spec import Cell, Spec
from maskbank.config import Params
from maskbank.data.batches import TrainingBatches
from maskbank.data.dataset import DataSet, Examples, TestSet
from maskbank.experiments.dense import cell_data
from maskbank.experiments.world import World
from maskbank.measures.cost import tensor_bytes, trace_cost
from maskbank.models.checkpoint import Architecture, model_tensors
from maskbank.registry import BACKBONES, RECIPES
from maskbank.training.evaluate import evaluate, judged_point
from maskbank.training.loop import Curve, warmup_cosine
from maskbank.training.recipe import Recipe
from maskbank.training.session import Session

CHECKS = 40  # times that a training is looked at: whether its loss is low enough, whether a snapshot is due


class PretrainSpec(Spec):
    stage: ClassVar[str] = "pretrain"

    method: str = "dense"
    role: str = "reference"
    stop: str = "steps"
    setup: str = "same-steps"
    budget_kind: str = "params"
    budget_asked: float | None = 1.0
    classes: tuple[int, ...]
    options: dict[str, Any] = {}
    recipe_options: dict[str, Any] = {}
    steps: int
    stop_loss: float | None = None
    batch: int
    lr: float
    crop: int
    flip: bool
    train_images: int
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
        **given.model_dump(include={"batch", "lr", "crop", "flip", "train_images", "curve_points"}),
    }
    specs = [
        PretrainSpec(seed=seed, pretrain_seed=seed, classes=every, **stop, **of_recipe(params, recipe), **base)
        for recipe in given.recipes[backbone]
        for seed in given.seeds
        for stop in stops(params, backbone)
    ]
    if backbone in params.transfer.backbones:
        specs += [
            PretrainSpec(
                seed=seed, pretrain_seed=seed, split=split.name, classes=split.pretrain_classes,
                **of_recipe(params, params.transfer.recipe), **base,
            )
            for split in world.splits
            if split.task_split == "unseen"
            for seed in params.transfer.pretrain_seeds
        ]  # fmt: skip
    return [Cell(spec, {"data": world.data}) for spec in specs]


def of_recipe(params: Params, name: str) -> dict[str, Any]:
    """Fields that a recipe decides."""
    options = dict(params.pretrain.options.get(name, {}))
    length = RECIPES.module(name).recipe(**options).length
    return {"recipe": name, "recipe_options": options, "steps": length * params.pretrain.steps}


def stops(params: Params, backbone: str) -> list[dict[str, Any]]:
    """Fields of what ends a training."""
    loss = params.pretrain.stop_loss.get(backbone)
    matched = [] if loss is None else [{"stop": "loss", "stop_loss": loss, "setup": "matched-loss"}]
    return [{}, *matched]


def run(cell: Cell[PretrainSpec], runtime: Runtime) -> Result:
    spec = cell.spec
    data, recipe = cell_data(cell), RECIPES.module(spec.recipe).recipe(**spec.recipe_options)
    channels, size = data.image_shape
    architecture = Architecture(spec.backbone, len(spec.classes), channels, size, spec.options)
    torch.manual_seed(spec.seed)
    session = begin(spec, recipe, architecture, data, runtime)
    seen = data.examples("train", spec.classes, max(1, spec.train_images // len(spec.classes)))
    reached = train_net(session, spec, recipe, data, seen, runtime.snapshots)
    model, now = session.model.cpu(), session.step
    if recipe.merge is not None:
        model = recipe.merge(model)
    elif recipe.transform is not None:
        architecture = replace(architecture, transform=recipe.transform)
    metrics = [] if spec.stop_loss is None else [(now, "stop_loss_reached", "none", float(reached))]
    for part, examples in (("train", seen), ("validation", data.examples("validation", spec.classes))):
        sheet, loss = evaluate(model, data, examples)
        metrics += [(now, f"{part}_accuracy", "none", sheet.accuracy), (now, f"{part}_loss", "none", loss)]
    test = TestSet(data, spec.classes)
    sheet, loss = evaluate(model, data, test.read(now))
    cost = trace_cost(model, data.image_shape)
    size_of = {"params": cost.params(cost.dense), "macs": cost.macs(cost.dense)}
    values: dict[str, Any] = {
        "loss": loss,
        "budget_achieved": 1.0,
        **size_of,
        **{f"{name}_dense": value for name, value in size_of.items()},
        "bytes": tensor_bytes(model),
        "train_macs": 3.0 * recipe.passes * size_of["macs"] * spec.batch * now,
    }
    return Result(
        points=[judged_point(now, sheet, values)],
        metrics=[*metrics, *test.metrics()],
        curves=session.curve.rows,
        timings={"adaptation_seconds": session.seconds},
        tensors=model_tensors(model),
        description=architecture.describe(),
    )


def begin(spec: PretrainSpec, recipe: Recipe, architecture: Architecture, data: DataSet, runtime: Runtime) -> Session:
    """A net with random weights, and all that its training draws on."""
    model = architecture.build()
    if recipe.transform is not None and recipe.start == 0:
        model = recipe.transform.apply(model)
    model = model.to(runtime.device)
    generator = torch.Generator().manual_seed(spec.seed)
    examples = data.examples("train", spec.classes)
    batches = TrainingBatches(data, examples, spec.batch, spec.steps, generator, spec.crop, spec.flip)
    optimizer = recipe.optimizer(model.parameters(), spec.lr)
    curve = Curve(spec.steps, spec.curve_points)
    return Session(model, optimizer, warmup_cosine(optimizer, spec.steps), batches, curve, runtime.precision)


def train_net(
    session: Session, spec: PretrainSpec, recipe: Recipe, data: DataSet, seen: Examples, snapshots: Snapshots
) -> bool:
    """Train to the end, from the last snapshot if there is one; returns whether the loss on `seen` fell to `stop_loss`."""
    change, every = round(recipe.start * spec.steps), max(1, spec.steps // CHECKS)
    state = snapshots.load()
    if state is not None:
        if recipe.transform is not None and 0 < change < state["step"]:
            recipe.transform.apply(session.model)
        session.restore(state)
    while session.step < spec.steps:
        if recipe.transform is not None and session.step == change > 0:
            recipe.transform.apply(session.model)
        ends = [(session.step // every + 1) * every, spec.steps, *([change] if change > session.step else [])]
        session.advance(min(ends) - session.step)
        if spec.stop_loss is not None and evaluate(session.model, data, seen)[1] <= spec.stop_loss:
            return True
        if snapshots.due():
            snapshots.save(session.state())
    return False
