"""What a method of compression makes of a pretrained model, with the columns of its record."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from maskbank.cells.spec import Spec
from maskbank.data.dataset import DataSet, Examples
from maskbank.measures.cost import parameter_count, tensor_bytes, trace_cost
from maskbank.measures.robustness import ATTACKS, robust_accuracy
from maskbank.measures.weight_cost import weight_cost
from maskbank.patterns import kind_of
from maskbank.pruning.budget import achieved
from maskbank.pruning.patterns import pattern_of
from maskbank.pruning.prune import Target, merge_of, prune_units, reconstructed, thin, unit_set
from maskbank.pruning.sample import Sample
from maskbank.pruning.weights import densities, live_weights, packed_bytes, prunable_weights
from maskbank.registry import COMPRESS, COMPRESSORS

Compressed = tuple[nn.Module, dict[str, Any]]


def compressed(spec: Spec, data: DataSet, dense: nn.Module, images: int) -> Compressed:
    """Units removed, single weights set to zero or weights quantized; scores may look at so many training images."""
    train = data.examples("train", spec.classes)
    chosen = train.take(torch.randperm(len(train), generator=spec.draw("sample"))[:images])
    sample = Sample(data.normalise(chosen.x), chosen.y, spec.own_draw("scores"))
    if spec.method in COMPRESSORS.names():
        return quantized(spec, data, dense, sample)
    return (sliced if kind_of(spec.pattern) == "units" else thinned)(spec, data, dense, sample)


def sliced(spec: Spec, data: DataSet, dense: nn.Module, sample: Sample) -> Compressed:
    """Units removed for real."""
    module = COMPRESS.module(spec.method)
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


def thinned(spec: Spec, data: DataSet, model: nn.Module, sample: Sample) -> Compressed:
    """Single weights set to zero: the stem and the classifier stay dense; sparse MACs are theoretical."""
    cost, module = weight_cost(model, data.blank), COMPRESS.module(spec.method)
    target = Target(spec.budget, "weights", spec.allocation, spec.schedule)
    masks = thin(
        model, prunable_weights(model), lambda model, weights: module.saliency(model, weights, sample, **spec.options), target,
        pattern_of(spec.pattern),
    )  # fmt: skip
    live, total = live_weights(masks)
    return model, {
        "budget_achieved": live / total,
        "params": cost.params - total + live, "params_dense": cost.params,
        "macs": cost.sparse_macs(densities(masks)), "macs_dense": cost.macs,
        "bytes": packed_bytes(model, masks),
    }  # fmt: skip


def quantized(spec: Spec, data: DataSet, model: nn.Module, sample: Sample) -> Compressed:
    cost, module = trace_cost(model, data.image_shape), COMPRESSORS.module(spec.method)
    compressed = module.compress(model, spec.budget, sample, spec.activation_bits, **spec.options)
    params, macs = cost.params(cost.dense), cost.macs(cost.dense)
    return model, {
        "budget_achieved": compressed.achieved, "params": params, "params_dense": params, "macs": macs,
        "macs_dense": macs, "bytes": compressed.bytes,
    }  # fmt: skip


def attacked(
    model: nn.Module, spec: Spec, data: DataSet, examples: Examples, attack: Mapping[str, Any]
) -> list[tuple[int, str, str, float]]:
    """Rows of the metrics table: the fraction still right under each attack on this very model, by eps."""
    x, rows = (examples.x.float() / 255).contiguous(memory_format=torch.channels_last), []
    for name in ATTACKS:
        kept = robust_accuracy(
            model, x, examples.y, mean=data.mean, std=data.std, attack=name,
            generator=spec.draw(name), **attack,
        )  # fmt: skip
        rows += [(0, "robust_accuracy", f"{name} eps {eps:g}", value) for eps, value in kept.items()]
    return rows
