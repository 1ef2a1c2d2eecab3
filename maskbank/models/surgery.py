"""Removing units for real: producers and consumers become smaller modules; the masked and the sliced net agree.

A removed unit's output is zero in the masked net, and the consumer loses just the inputs that read it.
"""

import copy

import torch
from torch import Tensor, nn

from maskbank.models.units import Layer, find_layers

Kept = dict[str, Tensor]  # layer name -> ascending indices of the units that stay


def slice_units(model: nn.Module, kept: Kept) -> nn.Module:
    """A copy of the model with only the kept units of each layer."""
    model = copy.deepcopy(model)
    for layer in find_layers(model):
        if len(kept[layer.name]) < layer.count:
            slice_layer(model, layer, kept[layer.name])
    return model


def slice_layer(model: nn.Module, layer: Layer, index: Tensor) -> None:
    if layer.kind == "head":
        attention = model.get_submodule(layer.producers[0].rpartition(".")[0])
        rows = torch.arange(3 * layer.count * layer.width).reshape(3, layer.count, layer.width)[:, index].flatten()
        attention.num_heads, attention.attn_dim = len(index), len(index) * layer.width  # type: ignore[assignment]
    else:
        rows = index
    for name in layer.producers:
        slice_outputs(model.get_submodule(name), rows)
    features = torch.arange(layer.count * layer.width).reshape(layer.count, layer.width)[index].flatten()
    slice_inputs(model.get_submodule(layer.consumer), features)


def slice_outputs(module: nn.Module, index: Tensor) -> None:
    for name in ("weight", "bias"):
        value = getattr(module, name, None)
        if value is not None:
            setattr(module, name, nn.Parameter(value.detach()[index].clone(memory_format=torch.preserve_format)))
    for name in ("running_mean", "running_var"):
        if getattr(module, name, None) is not None:
            setattr(module, name, getattr(module, name)[index].clone())
    for name in ("out_channels", "out_features", "num_features"):
        if hasattr(module, name):
            setattr(module, name, len(index))


def slice_inputs(module: nn.Module, index: Tensor) -> None:
    weight = module.weight.detach()[:, index]  # type: ignore[index, operator, union-attr]
    module.weight = nn.Parameter(weight.clone(memory_format=torch.preserve_format))
    for name in ("in_channels", "in_features"):
        if hasattr(module, name):
            setattr(module, name, len(index))


def shrink(model: nn.Module, counts: dict[str, int]) -> nn.Module:
    """A model of the shape that keeping `counts` units a layer gives (which units is left to the weights loaded later)."""
    return slice_units(model, {name: torch.arange(count) for name, count in counts.items()})
