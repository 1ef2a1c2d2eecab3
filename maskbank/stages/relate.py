"""Relations: for each target task, how similar each bank entry is, how far their masks overlap, how well its mask serves."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from maskbank.cells.result import Point, Result
from maskbank.cells.spec import Cell
from maskbank.checks import among
from maskbank.config import Params
from maskbank.data.tasks import Task
from maskbank.experiments.state import Banks, Start, State, banks_of
from maskbank.experiments.task import TaskSpec
from maskbank.experiments.work import Facts, Work, tested
from maskbank.registry import LEARNERS, SIMILARITIES
from maskbank.section import Count, Section
from maskbank.stages.prune import Prune
from maskbank.stages.transfer import Transfer

if TYPE_CHECKING:
    from maskbank.cells.engine import Runtime

AFTER = "transfer"
SIMILAR = ("leep", "prototypes", "label_free")


class Relate(Section):
    """For each target task and bank entry: how similar they are, how their masks overlap, how well the mask serves."""

    banks: list[str] = Field([], description="none: the stage has no cells")
    steps: Annotated[list[Count], Field(min_length=1)] = [0, 10]


SECTION = Relate


def check(params: Params) -> None:
    among(params[Relate].banks, list(params[Banks].banks), "relate.banks", "not among prune.banks")


class RelateSpec(TaskSpec):
    stage: ClassVar[str] = "relate"

    role: str = "control"
    allocation: str = "global"
    bn: str = "reestimated"
    budget_kind: str = "units"
    repeats: int
    train_steps: int
    train_batch: int
    train_lr: float

    def modules(self) -> tuple[str, ...]:
        return (LEARNERS.module_name(self.method), *(SIMILARITIES.module_name(name) for name in SIMILAR))


def plan(params: Params, state: State) -> list[Cell[RelateSpec]]:
    """A cell for each target task and bank of `relate.banks`."""
    return [
        relate_cell(params, state, start, task, bank)
        for bank in params[Relate].banks
        for start in state.starts()
        if bank in banks_of(params, start)
        for task in start.split.target_tasks
    ]


def relate_cell(params: Params, state: State, start: Start, task: Task, bank: str) -> Cell[RelateSpec]:
    prune, transfer = params[Prune], params[Transfer]
    recipe = prune.banks[bank]
    spec = RelateSpec(
        **start.labels, method=recipe.learner, bank=bank, task=task.name, task_split=start.split.task_split,
        dataset=params.data.name, classes=task.classes, ways=len(task.classes), budget_asked=recipe.budget,
        options=dict(recipe.options), repeats=recipe.repeats, train_steps=recipe.steps,
        train_batch=prune.batch, train_lr=prune.lr, score_images=transfer.score_images,
        adapt_steps=tuple(params[Relate].steps), batch=transfer.batch, lr=transfer.lr, seed=prune.seed,
        leak="none" if start.split.task_split == "unseen" else "backbone",
    )  # fmt: skip
    return Cell(spec, state.inputs(start) | {"bank": state.bank(start, bank)})


def work(spec: RelateSpec, facts: Facts) -> Work:
    """Two masks of the target's own; for each entry a sub-network, adapted and judged."""
    masks, each = 2 * spec.train_batch * spec.train_steps * spec.repeats, facts.entries * max(spec.budget, 0.25)
    judged = tested(spec.classes, facts) * len(spec.adapt_steps)
    return Work(masks + each * spec.batch * spec.adapt_steps[-1], each * judged)


def run(cell: Cell[RelateSpec], runtime: Runtime) -> Result:
    """The target's mask is made as those of the bank are, on a head of its prototypes; and made again, for comparison."""

    from maskbank.bank.consensus import learn
    from maskbank.data.dataset import TestSet
    from maskbank.experiments.dense import cell_data, dense_model
    from maskbank.experiments.entries import cell_bank
    from maskbank.experiments.relations import accuracies, overlap_rows, similarity_rows
    from maskbank.experiments.subnetwork import show, target_of
    from maskbank.measures.cost import trace_cost

    spec, dense = cell.spec, dense_model(cell)
    shown = show(spec, cell_data(cell))
    cost = trace_cost(dense, shown.data.image_shape)
    bank, target = cell_bank(cell), target_of(shown, dense, cost)
    free = bank.free(spec.dataset, spec.classes)
    entries = [bank.entry(int(index)) for index in free]
    own, again = (
        learn(
            spec.method, copy.deepcopy(dense), cost,
            lambda generator: shown.batches(spec.train_batch, spec.train_steps, generator),
            spec.budget, spec.train_steps, spec.train_lr, spec.mask_seeds(range(first, first + spec.repeats)), spec.options,
        )
        for first in (0, spec.repeats)
    )  # fmt: skip
    test = TestSet(shown.data, spec.classes)
    judged = {"none": own.mask} | {entry.task: entry.mask for entry in entries}
    rows = similarity_rows(SIMILAR, dense, target, bank, free, entries)
    rows += overlap_rows(own, again, entries)
    for name, mask in judged.items():
        metric = "accuracy_of_own" if name == "none" else "accuracy_of_entry"
        rows += [(steps, metric, name, value) for steps, value in accuracies(dense, cost, shown, mask, test, runtime)]
    return Result(points=[Point(steps) for steps in spec.adapt_steps], metrics=rows)
