"""Compression of each pretrained net in one shot, without fine-tuning: units or weights pruned, weights quantized."""

from typing import Any, ClassVar

import torch
from torch import nn

from maskbank.cells.engine import Runtime
from maskbank.cells.result import Result
from maskbank.cells.spec import Cell, Spec
from maskbank.config import CompressGrid, Params
from maskbank.data.batches import TrainingBatches
from maskbank.data.dataset import DataSet, TestSet
from maskbank.experiments.dense import cell_data, dense_model
from maskbank.experiments.folders import Artifact
from maskbank.experiments.world import World
from maskbank.measures.cost import parameter_count, tensor_bytes, trace_cost
from maskbank.measures.robustness import ATTACKS, robust_accuracy
from maskbank.measures.weight_cost import weight_cost
from maskbank.models.fold import fold
from maskbank.pruning.budget import achieved
from maskbank.pruning.patterns import parse_pattern
from maskbank.pruning.prune import Target, merge_of, prune_units, reconstructed, thin, unit_set
from maskbank.pruning.sample import Sample
from maskbank.pruning.weights import densities, live_weights, packed_bytes, prunable_weights
from maskbank.registry import BACKBONES, COMPRESS, COMPRESSORS
from maskbank.training.batchnorm import reestimate
from maskbank.training.evaluate import evaluate, judged_point

NORM_BATCHES, NORM_BATCH = 8, 128  # examples that BatchNorm statistics are re-estimated on


class CompressSpec(Spec):
    stage: ClassVar[str] = "compress"

    setup: str = "same-base"
    classes: tuple[int, ...]
    options: dict[str, Any] = {}
    score_images: int = 0
    attack: dict[str, Any] = {}

    def modules(self) -> tuple[str, ...]:
        return (COMPRESS.module_name(self.method),)


def plan(params: Params, world: World) -> list[Cell[CompressSpec]]:
    """Every net pretrained on all classes that a grid names, at every point of the grid."""
    shelf = world.shelf(params.pretrain.backbones)
    nets = [dense for backbone in params.pretrain.backbones for dense in shelf.all_classes(backbone)]
    return [
        Cell(
            CompressSpec(
                backbone=dense.spec["backbone"], recipe=dense.spec["recipe"], pretrain_seed=dense.spec["seed"],
                seed=dense.spec["seed"], stop=dense.spec["stop"], classes=tuple(dense.spec["classes"]),
                attack=params.compress.attack.model_dump() if grid.attacked else {}, **point,
            ),
            {"data": world.data, "dense": dense.input},
        )
        for dense in nets
        for grid in params.compress.grids
        if wanted(grid, dense)
        for method in grid.methods
        for point in grid_points(params, grid, method, BACKBONES.constant(dense.spec["backbone"], "BATCHNORM") is not False)
    ]  # fmt: skip


def wanted(grid: CompressGrid, dense: Artifact) -> bool:
    spec = dense.spec
    named = ((grid.backbones, spec["backbone"]), (grid.recipes, spec["recipe"]), (grid.stops, spec["stop"]))
    return all(names is None or name in names for names, name in named)


def grid_points(params: Params, grid: CompressGrid, method: str, batchnorm: bool) -> list[dict[str, Any]]:
    """What the cells of a method differ in. Nothing of patterns applies to quantization.

    A net without BatchNorm, because it never has any or is folded, has nothing to re-estimate.
    """
    forms = [(form, bn) for form in grid.forms for bn in (grid.bn if batchnorm and form == "trained" else ["none"])]
    base: dict[str, Any] = {
        "method": method,
        "role": COMPRESS.module(method).ROLE,
        "options": dict(params.compress.options.get(method, {})),
    }
    if method in COMPRESSORS.names():
        base |= {"budget_kind": COMPRESSORS.module(method).BUDGET_KIND, "activation_bits": grid.activation_bits}
        base |= {"score_images": params.compress.score_images} if grid.activation_bits else {}
        return [
            base | {"budget_asked": budget, "form": form, "bn": bn} for budget in grid.budgets for form, bn in forms
        ]
    structured = grid.pattern.startswith("units")
    base |= {
        "pattern": grid.pattern,
        "allocation": grid.allocation,
        "schedule": grid.schedule,
        "budget_kind": grid.budget_kind if structured else "weights",
        "score_images": params.compress.score_images,
    }
    return [
        base | {"budget_asked": budget, "form": form, "bn": bn, "reconstruct": reconstruct}
        for budget in grid.budgets
        for form, bn in forms
        for reconstruct in grid.reconstruct
    ]


def run(cell: Cell[CompressSpec], runtime: Runtime) -> Result:
    spec = cell.spec
    data, dense = cell_data(cell), dense_model(cell)
    if spec.form == "folded":
        dense = fold(dense)
    if spec.method in COMPRESSORS.names():
        model, values = quantized(spec, data, dense)
    elif spec.pattern.startswith("units"):
        model, values = sliced(spec, data, dense)
    else:
        model, values = thinned(spec, data, dense)
    if spec.bn == "reestimated":
        generator = torch.Generator().manual_seed(spec.seed)
        train = data.examples("train", spec.classes)
        reestimate(model, TrainingBatches(data, train, NORM_BATCH, NORM_BATCHES, generator))
    test = TestSet(data, spec.classes)
    examples = test.read(0)
    sheet, loss = evaluate(model, data, examples)
    point = judged_point(0, sheet, values | {"loss": loss, "train_macs": 0.0})
    attacks = attacked(model, spec, data, examples.x.float() / 255, examples.y) if spec.attack else []
    return Result(points=[point], metrics=test.metrics() + attacks)


def sample_of(spec: CompressSpec, data: DataSet) -> Sample:
    """Training examples that scores and reconstruction may look at."""
    generator = torch.Generator().manual_seed(spec.seed)
    train = data.examples("train", spec.classes)
    chosen = train.take(torch.randperm(len(train), generator=generator)[: spec.score_images])
    return Sample(data.normalise(chosen.x), chosen.y, generator)


def sliced(spec: CompressSpec, data: DataSet, dense: nn.Module) -> tuple[nn.Module, dict[str, Any]]:
    """Units removed for real."""
    sample, module = sample_of(spec, data), COMPRESS.module(spec.method)
    cost = trace_cost(dense, data.image_shape, unit_set(spec.pattern))
    target = Target(spec.budget, spec.budget_kind, spec.allocation, spec.schedule)
    kept = prune_units(dense, cost, lambda model, layers: module.score(model, layers, sample, **spec.options), target)
    model = reconstructed(dense, cost, kept, spec.reconstruct, sample, merge_of(module, spec.options))
    counts = {name: len(index) for name, index in kept.items()}
    return model, {
        "budget_achieved": achieved(kept, cost, spec.budget_kind),
        "params": parameter_count(model), "params_dense": cost.params(cost.dense),
        "macs": cost.macs(counts), "macs_dense": cost.macs(cost.dense), "bytes": tensor_bytes(model),
    }  # fmt: skip


def thinned(spec: CompressSpec, data: DataSet, model: nn.Module) -> tuple[nn.Module, dict[str, Any]]:
    """Single weights set to zero: the stem and the classifier stay dense; sparse MACs are theoretical."""
    cost, sample, module = weight_cost(model, data.blank), sample_of(spec, data), COMPRESS.module(spec.method)
    target = Target(spec.budget, "weights", spec.allocation, spec.schedule)
    masks = thin(
        model, prunable_weights(model), lambda net, weights: module.saliency(net, weights, sample, **spec.options), target,
        parse_pattern(spec.pattern),
    )  # fmt: skip
    live, total = live_weights(masks)
    return model, {
        "budget_achieved": live / total,
        "params": cost.params - total + live, "params_dense": cost.params,
        "macs": cost.sparse_macs(densities(masks)), "macs_dense": cost.macs,
        "bytes": packed_bytes(model, masks),
    }  # fmt: skip


def quantized(spec: CompressSpec, data: DataSet, model: nn.Module) -> tuple[nn.Module, dict[str, Any]]:
    cost, sample = trace_cost(model, data.image_shape), sample_of(spec, data)
    module = COMPRESSORS.module(spec.method)
    compressed = module.compress(model, spec.budget, sample, spec.activation_bits, **spec.options)
    params, macs = cost.params(cost.dense), cost.macs(cost.dense)
    return model, {
        "budget_achieved": compressed.achieved, "params": params, "params_dense": params, "macs": macs,
        "macs_dense": macs, "bytes": compressed.bytes,
    }  # fmt: skip


def attacked(
    model: nn.Module, spec: CompressSpec, data: DataSet, x: torch.Tensor, y: torch.Tensor
) -> list[tuple[int, str, str, float]]:
    """Rows of the metrics table: the fraction still right under each attack on this very model, by eps."""
    rows = []
    for attack in ATTACKS:
        generator = torch.Generator().manual_seed(spec.seed)
        kept = robust_accuracy(
            model, x.contiguous(memory_format=torch.channels_last), y, mean=data.mean, std=data.std, attack=attack,
            generator=generator, **spec.attack,
        )  # fmt: skip
        rows += [(0, "robust_accuracy", f"{attack} eps {eps:g}", value) for eps, value in kept.items()]
    return rows
