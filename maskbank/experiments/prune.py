"""Per-task pruning: for each bank task a mask, learned on the frozen backbone."""

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
from maskbank.measures.cost import tensor_bytes, trace_cost
from maskbank.measures.work import MacCounter
from maskbank.models.heads import head_rows, replace_head
from maskbank.models.surgery import slice_units
from maskbank.registry import MAKERS
from maskbank.training.batchnorm import reestimate
from maskbank.training.evaluate import evaluate, judged_point

NORM_BATCHES, NORM_BATCH = 4, 128


class PruneSpec(Spec):
    stage: ClassVar[str] = "prune"

    task_split: str = "bank"
    setup: str = "same-base"
    budget_kind: str = "units"
    pattern: str = "units"
    allocation: str = "global"
    bn: str = "reestimated"
    classes: tuple[int, ...]
    rows: tuple[int, ...]  # the task's classes as rows of the pretrained head
    options: dict[str, Any] = {}
    train_steps: int
    batch: int
    lr: float

    def points(self) -> tuple[int, ...]:
        return (self.train_steps,)

    def modules(self) -> tuple[str, ...]:
        return (MAKERS.module_name(self.method),)


def plan(params: Params, world: World) -> list[Cell[PruneSpec]]:
    """Every bank task of every split, on the backbone that the split's target tasks start from."""
    given = params.prune
    return [
        Cell(
            PruneSpec(
                **home.labels, method=maker, task=task.name, classes=task.classes, ways=len(task.classes),
                rows=tuple(home.split.pretrain_classes.index(label) for label in task.classes),
                budget_asked=given.budget, options=dict(given.options.get(maker, {})),
                train_steps=given.steps, batch=given.batch, lr=given.lr, seed=given.seed,
            ),
            world.inputs(home),
        )
        for home in world.homes()
        for task in home.split.bank_tasks
        for maker in given.makers
    ]  # fmt: skip


def run(cell: Cell[PruneSpec], runtime: Runtime) -> Result:
    spec = cell.spec
    data, model = cell_data(cell), dense_model(cell)
    head = head_rows(model, spec.rows)
    replace_head(model, head)
    cost = trace_cost(model, data.image_shape)
    generator = torch.Generator().manual_seed(spec.seed)
    torch.manual_seed(spec.seed)
    train = data.examples("train", spec.classes)
    batches = training_batches(data, train, spec.batch, spec.train_steps, generator)
    layers = list(cost.layers)
    with MacCounter() as spent:
        learned = MAKERS.module(spec.method).make(
            model, layers, cost, batches, spec.budget, spec.train_steps, spec.lr, **spec.options
        )
    kept = {name: mask.nonzero().flatten() for name, mask in learned.mask.items()}
    sliced = slice_units(model, layers, kept)
    reestimate(sliced, training_batches(data, train, NORM_BATCH, NORM_BATCHES, generator))
    test = TestSet(data, spec.classes)
    sheet, loss = evaluate(sliced, data, test.read(spec.train_steps))
    counts = {name: len(index) for name, index in kept.items()}
    values: dict[str, Any] = {
        "loss": loss,
        "budget_achieved": sum(counts.values()) / sum(layer.count for layer in layers),
        "params": cost.params(counts), "params_dense": cost.params(cost.dense),
        "macs": cost.macs(counts), "macs_dense": cost.macs(cost.dense),
        "bytes": tensor_bytes(sliced),
        "train_macs": float(spent.macs), "selection_macs": float(spent.macs),
    }  # fmt: skip
    tensors = {f"mask/{name}": mask.bool().numpy() for name, mask in learned.mask.items()}
    tensors |= {f"soft/{name}": soft.float().numpy() for name, soft in learned.soft.items()}
    tensors |= {"head/weight": head.weight.detach().numpy(), "head/bias": head.bias.detach().numpy()}
    return Result(
        points=[judged_point(spec.train_steps, sheet, values)],
        metrics=test.metrics(),
        tensors=tensors,
        description={"task": spec.task, "classes": list(spec.classes)},
    )
