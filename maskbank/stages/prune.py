"""Per-task pruning: for each bank task and bank a mask, learned on the frozen backbone; some are made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from maskbank.cells.result import Result
from maskbank.cells.spec import Cell, Spec
from maskbank.checks import among
from maskbank.config import Params
from maskbank.data.tasks import Task
from maskbank.errors import InputError
from maskbank.experiments.state import BankRecipe, Banks, Start, Starts, State, banks_of
from maskbank.experiments.work import Facts, Work, tested
from maskbank.registry import LEARNERS
from maskbank.section import Count, Positive, Rate

if TYPE_CHECKING:
    from maskbank.cells.engine import Runtime
    from maskbank.data.dataset import Examples
    from maskbank.measures.cost import Cost

AFTER = "sparsify"
REMADE = {"reseeded": "all", "half_a": "even", "half_b": "odd"}  # variant -> training images that it learns from


class Prune(Banks):
    """Masks of the bank tasks, learned on a frozen backbone."""

    batch: Positive = 32
    lr: Rate = 0.1
    seed: Count = 0
    remade: Count = Field(
        0,
        description="bank tasks of each split whose masks are made again, with another seed and on halves of the data",
    )


SECTION = Prune


def check(params: Params) -> None:
    banks, backbones = params[Prune].banks, params[Starts].backbones
    for name, recipe in banks.items():
        key = f"prune.banks.{name}"
        LEARNERS.check(recipe.learner, f"{key}.learner")
        LEARNERS.check_options(recipe.learner, dict(recipe.options), f"{key}.options")
        among(recipe.backbones, backbones, f"{key}.backbones", "not among transfer.backbones")
    for backbone in backbones:
        if not any(backbone in (recipe.backbones or [backbone]) for recipe in banks.values()):
            raise InputError(f"prune.banks: none for {backbone} of transfer.backbones; add it to one's backbones")


class PruneSpec(Spec):
    stage: ClassVar[str] = "prune"

    task_split: str = "bank"
    setup: str = "same-base"
    budget_kind: str = "units"
    pattern: str = "units"
    allocation: str = "global"
    bn: str = "reestimated"
    dataset: str
    rows: tuple[int, ...]  # the task's classes as rows of the pretrained head
    images: str = "all"
    repeats: int = 1
    train_steps: int
    batch: int
    lr: float

    def points(self) -> tuple[int, ...]:
        return (self.train_steps,)

    def modules(self) -> tuple[str, ...]:
        return (LEARNERS.module_name(self.method),)


def plan(params: Params, state: State) -> list[Cell[PruneSpec]]:
    """Every bank task of every split and bank, on the backbone that the split's target tasks start from."""
    given = params[Prune]
    cells = []
    for start in state.all_starts():
        remade = 0 if start.split.task_split == "validation" else given.remade
        for name in banks_of(params, start):
            recipe = given.banks[name]
            for number, task in enumerate(start.split.bank_tasks[: recipe.tasks]):
                variants = ["default", *REMADE] if number < remade else ["default"]
                cells += [prune_cell(params, state, start, task, name, recipe, variant) for variant in variants]
    return cells


def prune_cell(
    params: Params, state: State, start: Start, task: Task, name: str, recipe: BankRecipe, variant: str
) -> Cell[PruneSpec]:
    given = params[Prune]
    spec = PruneSpec(
        **start.labels, method=recipe.learner, variant=variant, bank=name, task=task.name, dataset=params.data.name,
        classes=task.classes, ways=len(task.classes),
        rows=tuple(start.split.pretrain_classes.index(label) for label in task.classes),
        images=REMADE.get(variant, "all"), budget_asked=recipe.budget, options=dict(recipe.options),
        repeats=recipe.repeats, train_steps=recipe.steps, batch=given.batch, lr=given.lr,
        seed=given.seed if variant == "default" else given.seed + recipe.repeats,
    )  # fmt: skip
    return Cell(spec, state.inputs(start))


def work(spec: PruneSpec, facts: Facts) -> Work:
    return Work(spec.batch * spec.train_steps * spec.repeats, tested(spec.classes, facts) * spec.budget)


def run(cell: Cell[PruneSpec], runtime: Runtime) -> Result:

    from maskbank.bank.consensus import learn
    from maskbank.data.batches import TrainingBatches
    from maskbank.data.dataset import TestSet
    from maskbank.experiments.dense import cell_data, dense_model
    from maskbank.experiments.subnetwork import NORM_BATCH, NORM_BATCHES, PROTOTYPE_IMAGES, sizes
    from maskbank.measures.cost import trace_cost
    from maskbank.measures.work import MacCounter
    from maskbank.models.heads import head_rows, replace_head
    from maskbank.models.surgery import kept_of, slice_units
    from maskbank.pruning.budget import achieved
    from maskbank.training.batchnorm import reestimate
    from maskbank.training.evaluate import evaluate, judged_point
    from maskbank.training.prototypes import class_prototypes

    spec = cell.spec
    data, model = cell_data(cell), dense_model(cell)
    prototypes = class_prototypes(model, data, spec.classes, PROTOTYPE_IMAGES)
    head = head_rows(model, spec.rows)
    replace_head(model, head)
    cost = trace_cost(model, data.image_shape)
    train = part_of(data.examples("train", spec.classes), spec.images)
    with MacCounter() as spent:
        learned = learn(
            spec.method, model, cost,
            lambda generator: TrainingBatches(data, train, spec.batch, spec.train_steps, generator),
            spec.budget, spec.train_steps, spec.lr, spec.mask_seeds(range(spec.repeats)), spec.options,
        )  # fmt: skip
    kept = kept_of(learned.mask)
    sliced = slice_units(model, list(cost.layers), kept)
    reestimate(sliced, TrainingBatches(data, train, NORM_BATCH, NORM_BATCHES, spec.draw("norm")))
    test = TestSet(data, spec.classes)
    sheet, loss = evaluate(sliced, data, test.read(spec.train_steps))
    values = sizes(sliced, model, cost, kept)
    values |= {
        "loss": loss, "budget_achieved": achieved(kept, cost, spec.budget_kind),
        "train_macs": float(spent.macs), "selection_macs": float(spent.macs),
    }  # fmt: skip
    tensors = {f"mask/{name}": mask.bool().numpy() for name, mask in learned.mask.items()}
    tensors |= {f"soft/{name}": soft.float().numpy() for name, soft in learned.soft.items()}
    tensors |= {"head/weight": head.weight.detach().numpy(), "head/bias": head.bias.detach().numpy()}
    return Result(
        points=[judged_point(spec.train_steps, sheet, values)],
        metrics=test.metrics(),
        tensors=tensors | {"prototypes": prototypes.numpy()},
        description=described(cell, cost, values),
    )


def part_of(examples: Examples, images: str) -> Examples:
    """All examples, or every second one."""
    import torch

    if images == "all":
        return examples
    return examples.take(torch.arange(images == "odd", len(examples), 2))


def described(cell: Cell[PruneSpec], cost: Cost, values: dict[str, Any]) -> dict[str, Any]:
    """What goes with the mask into a bank."""
    spec = cell.spec
    recipe = {"learner": spec.method, "budget": spec.budget, "steps": spec.train_steps, "repeats": spec.repeats}
    return {
        "task": spec.task,
        "dataset": spec.dataset,
        "classes": list(spec.classes),
        "dense_hash": cell.inputs["dense"].hash,
        "layers": [[layer.name, layer.kind, layer.count] for layer in cost.layers],
        "about": {
            **recipe, "options": spec.options, "seed": spec.seed, "images": spec.images, "batch": spec.batch,
            "lr": spec.lr, "params": values["params"], "macs": values["macs"], "train_macs": values["train_macs"],
        },
    }  # fmt: skip
