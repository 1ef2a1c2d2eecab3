"""One sub-network extracted for a task: units chosen by a method's scores, cut, adapted along one trajectory, judged."""

import time
from typing import Any

import torch
from torch import nn

from maskbank.bank.target import Target
from maskbank.cells.engine import Runtime
from maskbank.cells.result import Result
from maskbank.cells.spec import Cell
from maskbank.experiments.dense import cell_data, dense_model
from maskbank.experiments.entries import cell_bank
from maskbank.experiments.subnetwork import Judged, adapt, make_ready, show, sizes, target_of
from maskbank.experiments.task import TaskSpec
from maskbank.measures.cost import Cost, trace_cost
from maskbank.measures.work import MacCounter
from maskbank.models.surgery import Kept
from maskbank.pruning.allocation import removal_order
from maskbank.pruning.budget import achieved, select
from maskbank.pruning.prune import merge_of, reconstructed, unit_set
from maskbank.pruning.sample import Scores
from maskbank.registry import METHODS
from maskbank.seeds import seed_of
from maskbank.training.reset import reset_weights


def extracted(cell: Cell[TaskSpec], judged: Judged, runtime: Runtime) -> Result:
    """Choose units, cut, adapt, judge. All that methods differ in is the scores, and for `scratch` the weights."""
    spec, dense = cell.spec, dense_model(cell)
    shown = show(spec, cell_data(cell))
    cost = trace_cost(dense, shown.data.image_shape, unit_set(spec.pattern))
    module, target = METHODS.module(spec.method), target_of(shown, dense, cost)

    started = time.process_time()
    with MacCounter() as spent:
        scores = method_scores(cell, dense, target)
    kept = select_units(spec, cost, scores)
    selection_seconds = time.process_time() - started

    torch.manual_seed(seed_of(spec.seed, "weights", spec.split, spec.task))
    model = reconstructed(dense, cost, kept, spec.reconstruct, target.sample, merge_of(module, spec.options))
    if getattr(module, "WEIGHTS", "pretrained") == "random":
        reset_weights(model)
    values = sizes(model, dense, cost, kept)
    values |= {"budget_achieved": achieved(kept, cost, known_kind(spec)), "selection_macs": float(spent.macs)}
    make_ready(model, shown)
    points, adaptation_seconds = adapt(model, shown, judged, runtime.precision, values)
    return Result(
        points=points,
        timings={"selection_seconds": selection_seconds, "adaptation_seconds": adaptation_seconds},
        tensors={f"kept/{name}": index.numpy() for name, index in kept.items()},
        description={"task": spec.task},
    )


def select_units(spec: TaskSpec, cost: Cost, scores: Scores) -> Kept:
    order = removal_order(scores, cost, spec.allocation if spec.allocation != "none" else "uniform")
    return select(order, cost, known_kind(spec), spec.budget)


def known_kind(spec: TaskSpec) -> str:
    """The dense reference has no kind of budget; its size is given in units."""
    return spec.budget_kind if spec.budget_kind != "none" else "units"


def method_scores(cell: Cell[TaskSpec], model: nn.Module, target: Target) -> Scores:
    """A method is given what its entry function names."""
    given: dict[str, Any] = {
        "model": model, "layers": list(target.cost.layers), "sample": target.sample, "target": target,
    }  # fmt: skip
    wanted = METHODS.arguments(cell.spec.method)
    if "bank" in wanted:
        given["bank"] = cell_bank(cell)
    scores: Scores = METHODS.module(cell.spec.method).score(
        **{name: given[name] for name in wanted}, **cell.spec.options
    )
    return scores
