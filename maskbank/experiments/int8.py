"""Int8 for real: a pretrained net run by torchao in 8-bit integers, its latency and how far our fake quantizer says the same.

Its cells are run by the stage evaluate, and are a stage of their own in records: their key must not hang on torchao for others.
"""

import copy
from typing import Any, ClassVar

import torch
from torch import nn

from maskbank.cells.engine import Runtime
from maskbank.cells.result import Point, Result
from maskbank.cells.spec import Cell, Spec
from maskbank.config import Params
from maskbank.data.dataset import DataSet
from maskbank.errors import InputError
from maskbank.experiments.dense import cell_data, dense_model
from maskbank.experiments.world import World
from maskbank.measures.cost import trace_cost
from maskbank.measures.int8 import int8_model, require_torchao
from maskbank.measures.latency import measure_latency
from maskbank.pruning.compressors import quantize
from maskbank.pruning.quantization import Grid
from maskbank.pruning.sample import Sample
from maskbank.pruning.weights import prunable_weights
from maskbank.training.evaluate import evaluate

BITS = 8
WATCHED = 32  # training examples on which the fake quantizer sees that every layer is called


class Int8Spec(Spec):
    stage: ClassVar[str] = "int8"

    method: str = "quantize"
    role: str = quantize.ROLE
    setup: str = "same-base"
    budget_kind: str = quantize.BUDGET_KIND
    budget_asked: float | None = BITS
    activation_bits: int | None = BITS
    classes: tuple[int, ...]
    latency_batch: int
    repeats: int


def plan(params: Params, world: World) -> list[Cell[Int8Spec]]:
    """Of each backbone of evaluate.int8_backbones the first net that was pretrained on all classes for a number of steps.

    Raises InputError where there are any and torchao is not installed, or no such net exists.
    """
    given = params.evaluate
    if not given.int8_backbones:
        return []
    require_torchao()
    shelf = world.shelf(given.int8_backbones)
    cells = []
    for backbone in given.int8_backbones:
        dense = next((net for net in shelf.all_classes(backbone) if net.spec.get("stop") != "loss"), None)
        if dense is None:
            raise InputError(f"int8: no pretrained {backbone}; see `maskbank failures`")
        spec = Int8Spec(
            backbone=backbone, recipe=dense.spec["recipe"], pretrain_seed=dense.spec["seed"], seed=dense.spec["seed"],
            classes=tuple(dense.spec["classes"]), latency_batch=given.latency_batch, repeats=given.latency_repeats,
        )  # fmt: skip
        cells.append(Cell(spec, {"data": world.data, "dense": dense.input}))
    return cells


def run(cell: Cell[Int8Spec], runtime: Runtime) -> Result:
    """Latency of the int8 net beside the float one, and the fraction of validation images that two nets answer alike.

    `int8_agreement` is of the int8 net with: our fake quantizer as the stage compress uses it (setting "none"), the same on
    torchao's grid ("full grid"), and the float net ("float"), which says how much there was to get wrong.
    """
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
    """The net with the layers that torchao runs fake-quantized to the same widths, and its bytes as stored."""
    model, train = copy.deepcopy(dense), data.examples("train", spec.classes)
    sample = Sample(data.normalise(train.x[:WATCHED]), train.y[:WATCHED], torch.Generator().manual_seed(spec.seed))
    compressed = quantize.compress(model, spec.budget, sample, spec.activation_bits, grid=grid, layers="linear")
    return model, compressed.bytes
