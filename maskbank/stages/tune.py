"""Tuning: options and learning rate of each transfer method, by the same number of trials on validation tasks.

A trial is a point of the method's search space (`SEARCH` in its module, and the learning rates of params); the first is its
default. It is judged on validation images of the tasks of the validation splits. What is chosen holds for every task and seed.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from maskbank.cells.result import Result
from maskbank.cells.spec import Cell
from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.experiments.artifacts import stage_folder
from maskbank.experiments.state import Start, State, banks_of, tuned_name
from maskbank.files import write_json
from maskbank.patterns import Allocation
from maskbank.registry import METHODS
from maskbank.section import Count, Fraction, Positive, Rate, Section
from maskbank.seeds import numpy_generator
from maskbank.stages import transfer
from maskbank.stages.transfer import Transfer, TransferSpec, method_cell, options_of

if TYPE_CHECKING:
    from maskbank.cells.engine import Runtime
    from maskbank.cells.run import Finished

AFTER = "bank"
Trial = dict[str, Any]  # lr, options


class Tune(Section):
    """Options and learning rate of each transfer method, chosen on validation tasks by the same number of trials."""

    trials: Positive = Field(
        1, description="1: no tuning; a trial is a point of the method's search space, the first its default"
    )
    lr: Annotated[list[Rate], Field(min_length=1)] = [0.0003, 0.001, 0.003, 0.01]
    budget: Fraction = 0.1
    allocation: Allocation = "uniform"
    seed: Count = 0


SECTION = Tune


def check(params: Params) -> None:
    trials = params[Tune].trials
    for index, grid in enumerate(params[Transfer].grids):
        if grid.tuned and trials == 1:
            raise InputError(
                f"transfer.grids.{index}.tuned = True: nothing is tuned with tune.trials = 1; set it to 2 or more"
            )
    if trials > 1 and not params.tasks.validation_splits:
        raise InputError(f"tune.trials = {trials}: needs validation tasks; set tasks.validation_splits to 1 or more")


class TuneSpec(TransferSpec):
    stage: ClassVar[str] = "tune"


def plan(params: Params, state: State) -> list[Cell[TransferSpec]]:
    """Every trial of every method that a tuned grid names, on each validation task."""
    return [
        as_trial(method_cell(params, state, start, task, method, values(params, start, method, trial, number)))
        for start in state.starts(validation=True)
        for task in start.split.target_tasks
        for method in tuned_methods(params)
        for number, trial in enumerate(trials(params, method))
    ]


def tuned_methods(params: Params) -> list[str]:
    """Those of all grids with `tuned`, in the order of transfer.methods."""
    given = params[Transfer]
    named = {name for grid in given.grids if grid.tuned for name in grid.methods or given.methods}
    return [name for name in given.methods if name in named]


def trials(params: Params, method: str) -> list[Trial]:
    """`tune.trials` points of the search space: the default, and others drawn without repeats, alike for every seed."""
    tune, module = params[Tune], METHODS.module(method)
    search: dict[str, list[Any]] = {"lr": tune.lr, **getattr(module, "SEARCH", {})}
    default: Trial = {"lr": params[Transfer].lr, "options": options_of(params, method)}
    known = {name: each.default for name, each in inspect.signature(module.score).parameters.items()}
    points: list[Trial] = []
    for chosen in product(*search.values()):
        given = dict(zip(search, chosen, strict=True))
        point = {"lr": given.pop("lr"), "options": {**default["options"], **given}}
        if (point["lr"], known | point["options"]) != (default["lr"], known | default["options"]):
            points.append(point)
    if len(points) + 1 < tune.trials:
        raise InputError(
            f"tune.trials = {tune.trials}: {method} has {len(points) + 1} points to try; "
            f"at most that, or give more rates in tune.lr"
        )
    draw = numpy_generator(tune.seed, "trials", method)
    return [default, *(points[place] for place in draw.permutation(len(points))[: tune.trials - 1])]


def values(params: Params, start: Start, method: str, trial: Trial, number: int) -> dict[str, Any]:
    """Fields of a trial's spec."""
    given = params[Tune]
    common = {"seed": given.seed, "variant": f"trial{number}", "task_split": "validation", "lr": trial["lr"]}
    if METHODS.constant(method, "ROLE") == "reference":
        return {**common, "budget_asked": 1.0, "allocation": "none", "bn": "reestimated"}
    bank = banks_of(params, start)[0] if "bank" in METHODS.arguments(method) else "none"
    return {
        **common, "budget_asked": given.budget, "budget_kind": "units", "allocation": given.allocation,
        "bn": "reestimated", "reconstruct": "none", "bank": bank, "options": trial["options"],
    }  # fmt: skip


def as_trial(cell: Cell[TransferSpec]) -> Cell[TransferSpec]:
    return Cell(TuneSpec(**dict(cell.spec)), cell.inputs)


work = transfer.work


def execute(params: Params) -> None:
    from maskbank.experiments.folders import run_stage

    finished = run_stage("tune", plan(params, State(params)), params)
    write_json(stage_folder("tune") / "chosen.json", choose(params, finished))


def run(cell: Cell[TransferSpec], runtime: Runtime) -> Result:
    from maskbank.experiments.dense import cell_data
    from maskbank.experiments.extraction import extracted

    data, classes = cell_data(cell), cell.spec.classes
    return extracted(cell, lambda steps: data.examples("validation", classes), runtime)


def choose(params: Params, finished: list[Finished]) -> dict[str, dict[str, Any]]:
    """For each `backbone seed method` the best trial by accuracy, mean over validation tasks and T; ties to the first.

    A trial with a cell that failed is out; a method without any other has no entry. `tuning_macs`: of all trials together.
    """
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    macs: dict[str, float] = defaultdict(float)
    points: dict[tuple[str, str], Trial] = {}
    for done in finished:
        spec = done.cell.spec
        name = tuned_name(spec.backbone, spec.pretrain_seed, spec.method)
        found = [point["values"] for point in done.body["points"]]
        good = all(point.get("accuracy") is not None for point in found)
        scores[name, spec.variant].append(float(np.mean([point["accuracy"] for point in found])) if good else np.nan)
        macs[name] += found[-1].get("selection_macs", 0.0) + found[-1].get("train_macs", 0.0)
        points[name, spec.variant] = {"lr": spec.lr, "options": spec.options}
    chosen: dict[str, dict[str, Any]] = {}
    for (name, variant), values in scores.items():
        mean = float(np.mean(values))
        if np.isfinite(mean) and (name not in chosen or mean > chosen[name]["accuracy"]):
            chosen[name] = {
                **points[name, variant], "accuracy": mean, "trial": variant, "tuning_macs": macs[name],
                "trials": params[Tune].trials,
            }  # fmt: skip
    return chosen
