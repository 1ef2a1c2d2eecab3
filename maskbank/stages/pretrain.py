"""Pretraining: one cell for each backbone, recipe and seed on all classes, and for each unseen split without its targets.

Each model of all classes of a backbone in `pretrain.stop_loss` is trained a second time, until its training loss is that low.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from maskbank.cells.result import Result
from maskbank.cells.spec import Cell, Spec
from maskbank.checks import among, check_all
from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.experiments.state import Starts, State
from maskbank.experiments.work import Facts, Work, tested
from maskbank.registry import BACKBONES, RECIPES
from maskbank.section import Count, Names, Options, Positive, Rate, Section, Seeds
from maskbank.seeds import seed_of

if TYPE_CHECKING:
    from maskbank.cells.engine import Runtime
    from maskbank.cells.snapshots import Snapshots
    from maskbank.data.dataset import DataSet, Examples
    from maskbank.models.checkpoint import Architecture
    from maskbank.training.recipe import Recipe
    from maskbank.training.session import Session

AFTER = "prepare"
CHECKS = 40  # times that a training is looked at: whether its loss is low enough, whether a snapshot is due


class Pretrain(Section):
    backbones: Names = ["resnet20", "vit"]
    recipes: dict[str, Names] = {"resnet20": ["adam", "snt"], "vit": ["adam"]}
    options: dict[str, Options] = Field({}, description="of recipes")
    seeds: Seeds = [0, 1, 2]
    steps: Positive = 400
    stop_loss: dict[str, Rate] = Field(
        {}, description="backbones whose models are trained a second time, until their training loss is this low"
    )
    batch: Positive = 64
    lr: Rate = 0.003
    train_images: Positive = Field(1000, description="training images that training loss and accuracy are measured on")
    crop: Count = Field(2, description="pixels of random shift; 0: none")
    flip: bool = True
    curve_points: Positive = 10


SECTION = Pretrain


def check(params: Params) -> None:
    given = params[Pretrain]
    for name, chosen in params.models.items():
        BACKBONES.check_options(name, dict(chosen), f"models.{name}")
    check_all(BACKBONES, given.backbones, {}, "pretrain.backbones")
    check_all(RECIPES, [], given.options, "pretrain.recipes")
    among(list(given.stop_loss), given.backbones, "pretrain.stop_loss", "not pretrained")
    for backbone in given.backbones:
        if backbone not in given.recipes:
            raise InputError(f"pretrain.recipes.{backbone}: missing; give the recipes of each backbone, such as [adam]")
        check_all(RECIPES, given.recipes[backbone], {}, f"pretrain.recipes.{backbone}")


class PretrainSpec(Spec):
    stage: ClassVar[str] = "pretrain"

    method: str = "dense"
    role: str = "reference"
    stop: str = "steps"
    setup: str = "same-steps"
    budget_kind: str = "params"
    budget_asked: float | None = 1.0
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


def parts(params: Params) -> list[str]:
    """What DVC runs one by one: backbones."""
    return params[Pretrain].backbones


def plan(params: Params, state: State) -> list[Cell[PretrainSpec]]:
    return [cell for backbone in parts(params) for cell in plan_part(params, state, backbone)]


def plan_part(params: Params, state: State, backbone: str) -> list[Cell[PretrainSpec]]:
    """Cells of one backbone."""
    given, starts = params[Pretrain], params[Starts]
    every = tuple(range(state.classes))
    base: dict[str, Any] = {
        "backbone": backbone,
        "options": dict(params.models.get(backbone, {})),
        **given.model_dump(include={"batch", "lr", "crop", "flip", "train_images", "curve_points"}),
    }
    specs = [
        PretrainSpec(seed=seed, pretrain_seed=seed, classes=every, **stop, **of_recipe(given, recipe), **base)
        for recipe in given.recipes[backbone]
        for seed in given.seeds
        for stop in stops(given, backbone)
    ]
    if backbone in starts.backbones:
        specs += [
            PretrainSpec(
                seed=seed, pretrain_seed=seed, split=split.name, classes=split.pretrain_classes,
                **of_recipe(given, starts.recipe), **base,
            )
            for split in state.splits
            if split.task_split == "unseen"
            for seed in starts.pretrain_seeds
        ]  # fmt: skip
    return [Cell(spec, {"data": state.data}) for spec in specs]


def of_recipe(given: Pretrain, name: str) -> dict[str, Any]:
    """Fields that a recipe decides. Its option `length`, where it has one, is how many times longer it trains."""
    options = dict(given.options.get(name, {}))
    length = int(options.get("length", RECIPES.default(name, "length") or 1))
    return {"recipe": name, "recipe_options": options, "steps": length * given.steps}


def stops(given: Pretrain, backbone: str) -> list[dict[str, Any]]:
    """Fields of what ends a training."""
    loss = given.stop_loss.get(backbone)
    matched = [] if loss is None else [{"stop": "loss", "stop_loss": loss, "setup": "matched-loss"}]
    return [{}, *matched]


def work(spec: PretrainSpec, facts: Facts) -> Work:
    return Work(spec.batch * spec.steps, tested(spec.classes, facts))


def execute(params: Params, backbone: str) -> None:
    from maskbank.experiments.folders import run_stage

    BACKBONES.check(backbone, "backbone")
    run_stage("pretrain", plan_part(params, State(params), backbone), params, backbone)


def run(cell: Cell[PretrainSpec], runtime: Runtime) -> Result:
    import torch

    from maskbank.data.dataset import TestSet
    from maskbank.experiments.dense import cell_data
    from maskbank.measures.cost import tensor_bytes, trace_cost
    from maskbank.models.checkpoint import Architecture, model_tensors
    from maskbank.training.evaluate import evaluate, judged_point

    spec = cell.spec
    data, recipe = cell_data(cell), RECIPES.module(spec.recipe).recipe(**spec.recipe_options)
    channels, size = data.image_shape
    architecture = Architecture(spec.backbone, len(spec.classes), channels, size, spec.options)
    torch.manual_seed(seed_of(spec.seed, "weights", spec.split, spec.backbone))
    session = begin(spec, recipe, architecture, data, runtime)
    seen = data.examples("train", spec.classes, max(1, spec.train_images // len(spec.classes)))
    reached = train_model(session, spec, recipe, data, seen, runtime.snapshots)
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
    """A model with random weights, and all that its training draws on."""

    from maskbank.data.batches import TrainingBatches
    from maskbank.training.loop import Curve, warmup_cosine
    from maskbank.training.session import Session

    model = architecture.build()
    if recipe.transform is not None and recipe.start == 0:
        model = recipe.transform.apply(model)
    model = model.to(runtime.device)
    examples = data.examples("train", spec.classes)
    batches = TrainingBatches(data, examples, spec.batch, spec.steps, spec.draw("batches"), spec.crop, spec.flip)
    optimizer = recipe.optimizer(model.parameters(), spec.lr)
    curve = Curve(spec.steps, spec.curve_points)
    return Session(model, optimizer, warmup_cosine(optimizer, spec.steps), batches, curve, runtime.precision)


def train_model(
    session: Session, spec: PretrainSpec, recipe: Recipe, data: DataSet, seen: Examples, snapshots: Snapshots
) -> bool:
    """Train to the end, from the last snapshot if there is one; returns whether the loss on `seen` fell to `stop_loss`."""
    from maskbank.training.evaluate import evaluate

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
