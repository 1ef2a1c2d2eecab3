"""Compression of each pretrained model in one shot, without fine-tuning: units or weights pruned, weights quantized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from maskbank.cells.result import Result
from maskbank.cells.spec import Cell, Spec
from maskbank.checks import among
from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.experiments.artifacts import Artifact
from maskbank.experiments.state import State
from maskbank.experiments.work import Facts, Work, tested
from maskbank.patterns import Allocation, BudgetKind, Pattern, Reconstruct, Schedule, check_n_of_m, kind_of
from maskbank.registry import BACKBONES, COMPRESS, COMPRESSORS, SCORES
from maskbank.section import BatchNorm, Names, Options, Positive, Rate, Section, Stop
from maskbank.stages.pretrain import Pretrain

if TYPE_CHECKING:
    from maskbank.cells.engine import Runtime

AFTER = "pretrain"
Bits = Annotated[int, Field(ge=2, le=16)]
Form = Literal["trained", "folded"]
NORM_BATCHES, NORM_BATCH = 8, 128  # examples that BatchNorm statistics are re-estimated on


class CompressGrid(Section):
    """Methods x patterns x budgets ... on some of the pretrained models. A budget is a fraction kept, or bits."""

    methods: Names
    budgets: Annotated[list[Rate], Field(min_length=1)]
    backbones: list[str] | None = Field(None, description="null: all that are pretrained")
    recipes: list[str] | None = Field(None, description="null: all that are pretrained")
    pattern: Pattern = Field(
        "unstructured", description="unstructured, n:m, block:b; or units, units:coupled, units:all: removed for real"
    )
    allocation: Allocation = "global"
    schedule: Schedule = Field("one_shot", description="or iterative, cubic, exponential with rounds: cubic:10")
    budget_kind: BudgetKind = Field("units", description="of the patterns that remove units; others keep weights")
    reconstruct: Annotated[list[Reconstruct], Field(min_length=1)] = ["none"]
    bn: Annotated[list[BatchNorm], Field(min_length=1)] = ["reestimated"]
    forms: Annotated[list[Form], Field(min_length=1)] = Field(
        ["trained"], description="the model as it was trained, or folded to an ordinary one: BatchNorm, branches"
    )
    activation_bits: Bits | None = Field(None, description="of quantize: activations too; null: weights alone")
    stops: Annotated[list[Stop], Field(min_length=1)] = Field(
        ["steps"], description="models trained for a number of steps, or to the loss of pretrain.stop_loss"
    )
    attacked: bool = Field(False, description="measure robustness as compress.attack says")


class Attack(Section):
    """FGSM and PGD on the whole test set, L-infinity. `eps` in units of the pixels' range 0 to 1."""

    eps: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1)] = [0.01, 0.03]
    steps: Positive = 10
    restarts: Positive = 1


class Compress(Section):
    """One-shot compression of each pretrained model, without fine-tuning."""

    grids: list[CompressGrid] = [
        CompressGrid(methods=["l1"], budgets=[0.5, 0.2, 0.1], bn=["reestimated", "kept"]),
        CompressGrid(methods=["quantize"], budgets=[8, 4], bn=["kept"]),
    ]
    options: dict[str, Options] = {}
    score_images: Positive = Field(256, description="training images that a score or reconstruction may look at")
    attack: Attack = Attack()


SECTION = Compress


def check(params: Params) -> None:
    given, pretrain = params[Compress], params[Pretrain]
    recipes = sorted({recipe for every in pretrain.recipes.values() for recipe in every})
    for index, grid in enumerate(given.grids):
        key = f"compress.grids.{index}"
        check_grid(grid, key)
        among(grid.backbones, pretrain.backbones, f"{key}.backbones", "not pretrained")
        among(grid.recipes, recipes, f"{key}.recipes", "not pretrained")
    for name, chosen in given.options.items():
        COMPRESS.check_options(name, dict(chosen), f"compress.options.{name}")


def check_grid(grid: CompressGrid, key: str) -> None:
    """Methods that can do what the pattern asks, budgets in range."""
    structured = kind_of(grid.pattern) == "units"
    if not structured and grid.allocation == "global_macs":
        raise InputError(
            f"{key}.allocation = 'global_macs': of units alone; for single weights use global, uniform or erk"
        )
    if not structured and grid.reconstruct != ["none"]:
        raise InputError(
            f"{key}.reconstruct = {grid.reconstruct}: patterns that remove units reconstruct; here use [none]"
        )
    for position, name in enumerate(grid.methods):
        COMPRESS.check(name, f"{key}.methods.{position}")
        quantizes = name in COMPRESSORS.names()
        if not quantizes and not structured and not SCORES.defines(name, "saliency"):
            able = ", ".join(each for each in SCORES.names() if SCORES.defines(each, "saliency"))
            raise InputError(f"{key}.methods.{position} = {name!r}: ranks units; for single weights choose from {able}")
        for place, budget in enumerate(grid.budgets):
            where = f"{key}.budgets.{place} = {budget:g}"
            if quantizes and (budget < 2 or budget > 16 or budget != int(budget)):
                raise InputError(f"{where}: {name} takes a whole number of bits, 2 to 16")
            if not quantizes and budget > 1:
                raise InputError(f"{where}: {name} takes a fraction above 0 and at most 1")
    plain = grid.allocation == "uniform" and grid.schedule == "one_shot"
    check_n_of_m(grid.pattern, grid.budgets, plain, key, "allocation uniform, schedule one_shot")


class CompressSpec(Spec):
    stage: ClassVar[str] = "compress"

    setup: str = "same-base"
    score_images: int = 0
    attack: dict[str, Any] = {}

    def modules(self) -> tuple[str, ...]:
        return (COMPRESS.module_name(self.method),)


def plan(params: Params, state: State) -> list[Cell[CompressSpec]]:
    """Every model pretrained on all classes that a grid names, at every point of the grid."""
    given, backbones = params[Compress], params[Pretrain].backbones
    checkpoints = state.checkpoints(backbones)
    return [
        Cell(
            CompressSpec(
                backbone=dense.spec["backbone"], recipe=dense.spec["recipe"], pretrain_seed=dense.spec["seed"],
                seed=dense.spec["seed"], stop=dense.spec["stop"], classes=tuple(dense.spec["classes"]),
                attack=given.attack.model_dump() if grid.attacked else {}, **point,
            ),
            {"data": state.data, "dense": dense.input},
        )
        for backbone in backbones
        for dense in checkpoints.all_classes(backbone)
        for grid in given.grids
        if wanted(grid, dense)
        for method in grid.methods
        for point in grid_points(given, grid, method, BACKBONES.constant(backbone, "BATCHNORM") is not False)
    ]  # fmt: skip


def wanted(grid: CompressGrid, dense: Artifact) -> bool:
    spec = dense.spec
    named = ((grid.backbones, spec["backbone"]), (grid.recipes, spec["recipe"]), (grid.stops, spec["stop"]))
    return all(names is None or name in names for names, name in named)


def grid_points(given: Compress, grid: CompressGrid, method: str, batchnorm: bool) -> list[dict[str, Any]]:
    """What the cells of a method differ in. Nothing of patterns applies to quantization.

    A model without BatchNorm, because it never has any or is folded, has nothing to re-estimate.
    """
    forms = [(form, bn) for form in grid.forms for bn in (grid.bn if batchnorm and form == "trained" else ["none"])]
    base: dict[str, Any] = {
        "method": method,
        "role": COMPRESS.constant(method, "ROLE"),
        "options": dict(given.options.get(method, {})),
    }
    if method in COMPRESSORS.names():
        base |= {"budget_kind": COMPRESSORS.constant(method, "BUDGET_KIND"), "activation_bits": grid.activation_bits}
        base |= {"score_images": given.score_images} if grid.activation_bits else {}
        return [
            base | {"budget_asked": budget, "form": form, "bn": bn} for budget in grid.budgets for form, bn in forms
        ]
    structured = kind_of(grid.pattern) == "units"
    base |= {
        "pattern": grid.pattern,
        "allocation": grid.allocation,
        "schedule": grid.schedule,
        "budget_kind": grid.budget_kind if structured else "weights",
        "score_images": given.score_images,
    }
    return [
        base | {"budget_asked": budget, "form": form, "bn": bn, "reconstruct": reconstruct}
        for budget in grid.budgets
        for form, bn in forms
        for reconstruct in grid.reconstruct
    ]


def work(spec: CompressSpec, facts: Facts) -> Work:
    test = tested(spec.classes, facts)
    if not spec.attack:
        return Work(evaluated=test)
    climbs = len(spec.attack["eps"]) * (2 + spec.attack["steps"] * spec.attack["restarts"])
    return Work(test * climbs * spec.budget, test * spec.budget)


def run(cell: Cell[CompressSpec], runtime: Runtime) -> Result:

    from maskbank.data.batches import TrainingBatches
    from maskbank.data.dataset import TestSet
    from maskbank.experiments.compression import attacked, compressed
    from maskbank.experiments.dense import cell_data, dense_model
    from maskbank.models.fold import fold
    from maskbank.training.batchnorm import reestimate
    from maskbank.training.evaluate import evaluate, judged_point

    spec = cell.spec
    data, dense = cell_data(cell), dense_model(cell)
    if spec.form == "folded":
        dense = fold(dense)
    model, values = compressed(spec, data, dense, spec.score_images)
    if spec.bn == "reestimated":
        train = data.examples("train", spec.classes)
        reestimate(model, TrainingBatches(data, train, NORM_BATCH, NORM_BATCHES, spec.draw("norm")))
    test = TestSet(data, spec.classes)
    examples = test.read(0)
    sheet, loss = evaluate(model, data, examples)
    point = judged_point(0, sheet, values | {"loss": loss, "train_macs": 0.0})
    attacks = attacked(model, spec, data, examples, spec.attack) if spec.attack else []
    return Result(points=[point], metrics=test.metrics() + attacks)
