"""Relations: for each target task, how similar each bank entry is, how far their masks overlap, how well its mask serves."""

import copy
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from maskbank.bank.consensus import learn
from maskbank.bank.entry import Entry
from maskbank.bank.learned import Learned
from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.cells.engine import Runtime
from maskbank.cells.result import Point, Result
from maskbank.cells.spec import Cell
from maskbank.config import Params
from maskbank.data.dataset import TestSet
from maskbank.data.tasks import Task
from maskbank.experiments.dense import cell_data, dense_model
from maskbank.experiments.entries import cell_bank
from maskbank.experiments.subnetwork import Shown, TaskSpec, adapt, show, sizes, start, target_of
from maskbank.experiments.world import Home, World, banks_of
from maskbank.measures import overlap
from maskbank.measures.cost import Cost, trace_cost
from maskbank.models.surgery import kept_of, slice_units
from maskbank.registry import MAKERS, SIMILARITIES

Rows = list[tuple[int, str, str, float]]  # steps, metric, setting, value
SIMILAR = ("leep", "prototypes", "label_free")


class RelateSpec(TaskSpec):
    stage: ClassVar[str] = "relate"

    role: str = "control"
    allocation: str = "global"
    bn: str = "reestimated"
    budget_kind: str = "units"
    options: dict[str, Any] = {}
    repeats: int
    train_steps: int
    train_batch: int
    train_lr: float

    def modules(self) -> tuple[str, ...]:
        return (MAKERS.module_name(self.method), *(SIMILARITIES.module_name(name) for name in SIMILAR))


def plan(params: Params, world: World) -> list[Cell[RelateSpec]]:
    """A cell for each target task and bank of `relate.banks`."""
    return [
        relate_cell(params, world, home, task, bank)
        for bank in params.relate.banks
        for home in world.homes()
        if bank in banks_of(params, home)
        for task in home.split.target_tasks
    ]


def relate_cell(params: Params, world: World, home: Home, task: Task, bank: str) -> Cell[RelateSpec]:
    recipe, transfer = params.prune.banks[bank], params.transfer
    spec = RelateSpec(
        **home.labels, method=recipe.maker, bank=bank, task=task.name, task_split=home.split.task_split,
        dataset=params.data.name, classes=task.classes, ways=len(task.classes), budget_asked=recipe.budget,
        options=dict(recipe.options), repeats=recipe.repeats, train_steps=recipe.steps,
        train_batch=params.prune.batch, train_lr=params.prune.lr, score_images=transfer.score_images,
        adapt_steps=tuple(params.relate.steps), batch=transfer.batch, lr=transfer.lr, seed=params.prune.seed,
        leak="none" if home.split.task_split == "unseen" else "backbone",
    )  # fmt: skip
    return Cell(spec, world.inputs(home) | {"bank": world.bank(home, bank)})


def run(cell: Cell[RelateSpec], runtime: Runtime) -> Result:
    spec, dense = cell.spec, dense_model(cell)
    generator = torch.Generator().manual_seed(spec.seed)
    shown = show(spec, cell_data(cell), generator)
    cost = trace_cost(dense, shown.data.image_shape)
    bank, target = cell_bank(cell), target_of(shown, dense, cost)
    free = bank.free(spec.dataset, spec.classes)
    entries = [bank.entry(int(index)) for index in free]
    own, again = (own_mask(spec, dense, cost, shown, seed) for seed in (spec.seed, spec.seed + spec.repeats))
    test = TestSet(shown.data, spec.classes)
    judged = {"none": own.mask} | {entry.task: entry.mask for entry in entries}
    rows = similarity_rows(dense, target, bank, free, entries)
    rows += overlap_rows(own, again, entries)
    for name, mask in judged.items():
        metric = "accuracy_of_own" if name == "none" else "accuracy_of_entry"
        rows += [
            (steps, metric, name, value) for steps, value in accuracies(spec, dense, cost, shown, mask, test, runtime)
        ]
    return Result(points=[Point(steps) for steps in spec.adapt_steps], metrics=rows)


def own_mask(spec: RelateSpec, dense: nn.Module, cost: Cost, shown: Shown, seed: int) -> Learned:
    """The mask of the target itself, made as those of the bank are, on a head of its prototypes."""
    return learn(
        spec.method, copy.deepcopy(dense), cost,
        lambda generator: shown.batches(spec.train_batch, spec.train_steps, generator),
        spec.budget, spec.train_steps, spec.train_lr, range(seed, seed + spec.repeats), spec.options,
    )  # fmt: skip


def similarity_rows(model: nn.Module, target: Target, bank: MaskBank, free: np.ndarray, entries: list[Entry]) -> Rows:
    layers = list(target.cost.layers)
    return [
        (0, f"similarity_{name}", entry.task, float(value))
        for name in SIMILAR
        for entry, value in zip(
            entries, SIMILARITIES.module(name).similarity(model, layers, target, bank, free), strict=True
        )
    ]


def overlap_rows(own: Learned, again: Learned, entries: list[Entry]) -> Rows:
    """IoU of each entry's mask with the target's own, in all and by layer, beside chance and the own mask made again."""
    first = plain(own.mask)
    rows: Rows = [(0, "overlap_own", "none", overlap.iou(first, plain(again.mask)))]
    for entry in entries:
        mask = plain(entry.mask)
        by_layer, widths = overlap.iou_by_layer(first, mask), overlap.widths
        rows.append((0, "overlap", entry.task, overlap.iou(first, mask)))
        rows += [(0, "overlap_by_layer", f"{entry.task}|{name}", value) for name, value in by_layer.items()]
        chance = overlap.chance_iou(widths(first), widths(mask), overlap.sizes(mask))
        rows.append((0, "overlap_random", entry.task, chance))
    return rows


def plain(mask: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: value.bool().numpy() for name, value in mask.items()}


def accuracies(
    spec: RelateSpec, dense: nn.Module, cost: Cost, shown: Shown, mask: dict[str, torch.Tensor], test: TestSet,
    runtime: Runtime,
) -> list[tuple[int, float]]:  # fmt: skip
    """Accuracy of the target with one mask after each T, cut and adapted as in the transfer stage."""
    kept = kept_of(mask)
    generator = torch.Generator().manual_seed(spec.seed)
    model = slice_units(dense, list(cost.layers), kept)
    values = sizes(model, dense, cost, kept)
    start(model, shown, generator)
    points, _ = adapt(model, shown, test.read, generator, runtime.precision, values)
    return [(point.steps, float(point.values["accuracy"] or 0)) for point in points]
