"""Int8 for real: a pretrained model run by torchao in 8-bit integers, its latency and how far our fake quantizer says the same.

Its cells are run by the stage evaluate, and are a stage of their own in records: their key must not hang on torchao for others.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

from maskbank.cells.result import Point, Result
from maskbank.cells.spec import Cell, Spec
from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.experiments.state import State
from maskbank.experiments.work import Facts, Work, tested
from maskbank.measures.torchao import require_torchao
from maskbank.registry import COMPRESSORS

if TYPE_CHECKING:
    from torch import nn

    from maskbank.cells.engine import Runtime
    from maskbank.data.dataset import DataSet
    from maskbank.pruning.quantization import Grid

METHOD = "quantize"
BITS = 8
WATCHED = 32  # training examples on which the fake quantizer sees that every layer is called


class Int8Spec(Spec):
    stage: ClassVar[str] = "int8"

    method: str = METHOD
    role: str = COMPRESSORS.constant(METHOD, "ROLE")
    setup: str = "same-base"
    budget_kind: str = COMPRESSORS.constant(METHOD, "BUDGET_KIND")
    budget_asked: float | None = BITS
    activation_bits: int | None = BITS
    latency_batch: int
    repeats: int


def plan(params: Params, state: State) -> list[Cell[Int8Spec]]:
    """Of each backbone of evaluate.int8_backbones the first model that was pretrained on all classes for a number of steps.

    Raises InputError where there are any and torchao is not installed, or no such model exists.
    """
    given = params.evaluate
    if not given.int8_backbones:
        return []
    require_torchao()
    checkpoints = state.checkpoints(given.int8_backbones)
    cells = []
    for backbone in given.int8_backbones:
        dense = next((found for found in checkpoints.all_classes(backbone) if found.spec["stop"] != "loss"), None)
        if dense is None:
            raise InputError(f"int8: no pretrained {backbone}; see `maskbank failures`")
        spec = Int8Spec(
            backbone=backbone, recipe=dense.spec["recipe"], pretrain_seed=dense.spec["seed"], seed=dense.spec["seed"],
            classes=tuple(dense.spec["classes"]), latency_batch=given.latency_batch, repeats=given.latency_repeats,
        )  # fmt: skip
        cells.append(Cell(spec, {"data": state.data, "dense": dense.input}))
    return cells


def work(spec: Int8Spec, facts: Facts) -> Work:
    return Work(evaluated=tested(spec.classes, facts))


def run(cell: Cell[Int8Spec], runtime: Runtime) -> Result:
    """Latency of the int8 model beside the float one, and the fraction of validation images that two models answer alike.

    `int8_agreement` is of the int8 model with: our fake quantizer as the stage compress uses it (setting "none"), the same on
    torchao's grid ("full grid"), and the float model ("float"), which says how much there was to get wrong.
    """
    import torch

    from maskbank.experiments.dense import cell_data, dense_model
    from maskbank.measures.cost import trace_cost
    from maskbank.measures.int8 import int8_model
    from maskbank.measures.latency import measure_latency
    from maskbank.pruning.weights import prunable_weights
    from maskbank.training.evaluate import evaluate

    spec, data, dense = cell.spec, cell_data(cell), dense_model(cell)
    executed = int8_model(dense, [name.removesuffix(".weight") for name in prunable_weights(dense)])
    narrow, size = simulated(dense, spec, data, "narrow")
    full, _ = simulated(dense, spec, data, "full")
    examples = data.examples("validation", spec.classes)
    answers, *others = [evaluate(model, data, examples)[0].predicted for model in (executed, narrow, full, dense)]
    x = torch.zeros(spec.latency_batch, *data.image_shape, data.image_shape[1])
    x = x.contiguous(memory_format=torch.channels_last)
    integer, floating = measure_latency([executed, dense], x, spec.repeats)
    cost = trace_cost(dense, data.image_shape)
    params, macs = cost.params(cost.dense), cost.macs(cost.dense)
    values: dict[str, Any] = {
        "budget_achieved": float(BITS), "params": params, "params_dense": params, "macs": macs, "macs_dense": macs,
        "bytes": size,
    }  # fmt: skip
    timings = {
        "latency_ms": integer.median, "latency_low_ms": integer.low, "latency_high_ms": integer.high,
        "latency_dense_ms": floating.median,
    }  # fmt: skip
    settings = ("none", "full grid", "float")
    agreement = [
        (0, "int8_agreement", setting, float((answers == other).mean()))
        for setting, other in zip(settings, others, strict=True)
    ]
    return Result(points=[Point(values=values)], metrics=agreement, timings=timings)


def simulated(dense: nn.Module, spec: Int8Spec, data: DataSet, grid: Grid) -> tuple[nn.Module, int]:
    """The model with the layers that torchao runs fake-quantized to the same widths, and its bytes as stored."""

    from maskbank.pruning.compressors import quantize
    from maskbank.pruning.sample import Sample

    model, train = copy.deepcopy(dense), data.examples("train", spec.classes)
    sample = Sample(data.normalise(train.x[:WATCHED]), train.y[:WATCHED], spec.own_draw("scores"))
    compressed = quantize.compress(model, spec.budget, sample, spec.activation_bits, grid=grid, layers="linear")
    return model, compressed.bytes
