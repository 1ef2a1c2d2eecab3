"""Tuning: options and learning rate of each transfer method, by the same number of trials on validation tasks.

A trial is a point of the method's search space (`SEARCH` in its module, and the learning rates of params); the first is its
default. It is judged on validation images of the tasks of the validation splits. What is chosen holds for every task and seed.
"""

import inspect
import zlib
from collections import defaultdict
from itertools import product
from typing import Any, ClassVar

import numpy as np

from maskbank.cells.engine import Runtime
from maskbank.cells.result import Result
from maskbank.cells.run import Finished
from maskbank.cells.spec import Cell
from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.experiments.dense import cell_data
from maskbank.experiments.transfer import TransferSpec, method_cell, options_of, transferred
from maskbank.experiments.world import Home, World, banks_of, tuned_name
from maskbank.registry import METHODS

Trial = dict[str, Any]  # lr, options


class TuneSpec(TransferSpec):
    stage: ClassVar[str] = "tune"


def plan(params: Params, world: World) -> list[Cell[TransferSpec]]:
    """Every trial of every method that a tuned grid names, on each validation task."""
    return [
        as_trial(method_cell(params, world, home, task, method, values(params, home, method, trial, number)))
        for home in world.homes(validation=True)
        for task in home.split.target_tasks
        for method in tuned_methods(params)
        for number, trial in enumerate(trials(params, method))
    ]


def tuned_methods(params: Params) -> list[str]:
    """Those of all grids with `tuned`, in the order of transfer.methods."""
    named = {name for grid in params.transfer.grids if grid.tuned for name in grid.methods or params.transfer.methods}
    return [name for name in params.transfer.methods if name in named]


def trials(params: Params, method: str) -> list[Trial]:
    """`tune.trials` points of the search space: the default, and others drawn without repeats, alike for every seed."""
    module = METHODS.module(method)
    search: dict[str, list[Any]] = {"lr": params.tune.lr, **getattr(module, "SEARCH", {})}
    default: Trial = {"lr": params.transfer.lr, "options": options_of(params, method)}
    usual = {name: each.default for name, each in inspect.signature(module.score).parameters.items()}
    points: list[Trial] = []
    for chosen in product(*search.values()):
        given = dict(zip(search, chosen, strict=True))
        point = {"lr": given.pop("lr"), "options": {**default["options"], **given}}
        if (point["lr"], usual | point["options"]) != (default["lr"], usual | default["options"]):
            points.append(point)
    if len(points) + 1 < params.tune.trials:
        raise InputError(
            f"tune.trials = {params.tune.trials}: {method} has {len(points) + 1} points to try; "
            f"at most that, or give more rates in tune.lr"
        )
    draw = np.random.default_rng([params.tune.seed, zlib.crc32(method.encode())])
    return [default, *(points[place] for place in draw.permutation(len(points))[: params.tune.trials - 1])]


def values(params: Params, home: Home, method: str, trial: Trial, number: int) -> dict[str, Any]:
    """Fields of a trial's spec."""
    common = {"seed": params.tune.seed, "variant": f"trial{number}", "task_split": "validation", "lr": trial["lr"]}
    if METHODS.module(method).ROLE == "reference":
        return {**common, "budget_asked": 1.0, "allocation": "none", "bn": "reestimated"}
    bank = banks_of(params, home)[0] if "bank" in METHODS.arguments(method) else "none"
    return {
        **common, "budget_asked": params.tune.budget, "budget_kind": "units", "allocation": params.tune.allocation,
        "bn": "reestimated", "reconstruct": "none", "bank": bank, "options": trial["options"],
    }  # fmt: skip


def as_trial(cell: Cell[TransferSpec]) -> Cell[TransferSpec]:
    return Cell(TuneSpec(**dict(cell.spec)), cell.inputs)


def run(cell: Cell[TransferSpec], runtime: Runtime) -> Result:
    data, classes = cell_data(cell), cell.spec.classes
    return transferred(cell, lambda steps: data.examples("validation", classes), runtime)


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
                "trials": params.tune.trials,
            }  # fmt: skip
    return chosen
