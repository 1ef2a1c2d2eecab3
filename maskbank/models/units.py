"""Prunable units: channels, attention heads, dense nodes, embedding features, and where their numbers lie.

A layer is a set of units that can leave one by one. Its slots say which tensors hold them: `made` by convolutions
and linear layers, `carried` by norms and depthwise convolutions on the way, `read` by the next layers.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, eq=False)
class Slot:
    """Positions along dimension `dim` of one tensor of the state that hold each unit: `index` [count, width]."""

    tensor: str
    dim: int
    index: Tensor
    role: str  # made, carried or read

    @property
    def module(self) -> str:
        return self.tensor.rpartition(".")[0]

    @property
    def width(self) -> int:
        return self.index.shape[1]

    def rows(self, value: Tensor) -> Tensor:
        """[count, width * rest] the numbers of each unit in a tensor of this slot's shape; no copy where they lie in order."""
        value = value.movedim(self.dim, 0)
        if (
            self.width == 1
            and len(self.index) == len(value)
            and torch.equal(self.index[:, 0], torch.arange(len(value)))
        ):
            return value.flatten(1)
        return value[self.index].flatten(1)


@dataclass(frozen=True, eq=False)
class Layer:
    """`count` units that can leave one by one. `coupled`: several layers add into them (a residual stream)."""

    name: str
    kind: str  # channel, head, node or embedding
    count: int
    slots: tuple[Slot, ...]
    coupled: bool = False

    @cached_property
    def made(self) -> list[Slot]:
        return [slot for slot in self.slots if slot.role == "made"]

    @cached_property
    def carried(self) -> list[Slot]:
        return [slot for slot in self.slots if slot.role == "carried"]

    @cached_property
    def read(self) -> list[Slot]:
        return [slot for slot in self.slots if slot.role == "read"]


def ones(layers: list[Layer], requires_grad: bool = False) -> dict[str, Tensor]:
    return {layer.name: torch.ones(layer.count, requires_grad=requires_grad) for layer in layers}


def unit_weights(model: nn.Module, layer: Layer) -> Tensor:
    """[count, fan] the weights that make each unit, of all that add into it (for a head: its rows of q, k and v)."""
    values = [(slot, model.get_parameter(slot.tensor).detach()) for slot in layer.made]
    weights = [slot.rows(value) for slot, value in values if value.ndim > 1]
    return weights[0] if len(weights) == 1 else torch.cat(weights, 1)


def unit_sums(values: dict[str, Tensor], layer: Layer) -> Tensor:
    """[count] the sum of elementwise values over the weights that make each unit."""
    given = [slot for slot in layer.made if slot.tensor in values]
    return torch.stack([slot.rows(values[slot.tensor]).sum(1) for slot in given]).sum(0)


def made_weights(model: nn.Module, layers: list[Layer]) -> dict[str, nn.Parameter]:
    """The weights (no biases) that make the units of these layers, each once."""
    state = dict(model.named_parameters())
    names = [slot.tensor for layer in layers for slot in layer.made]
    return {name: state[name] for name in dict.fromkeys(names) if state[name].ndim > 1}


def feature_axis(module: nn.Module) -> int:
    """Dimension of a module's input that its weight reads."""
    return -1 if isinstance(module, nn.Linear | nn.LayerNorm) else 1


class Gates:
    """A context in which every unit of `layers` is multiplied by its gate wherever it is read: `{layer name: [count]}`.

    A LayerNorm on the way normalises over the features that are open (a gate above 0), as the sliced model does.
    """

    def __init__(self, model: nn.Module, layers: list[Layer], values: dict[str, Tensor]) -> None:
        self.model, self.layers, self.values = model, layers, values

    def __enter__(self) -> "Gates":
        readers: dict[str, list[tuple[Slot, Tensor]]] = {}
        for layer in self.layers:
            for slot in layer.slots:
                if slot.role == "read" or (slot.role == "carried" and self.is_layer_norm(slot)):
                    readers.setdefault(slot.module, []).append((slot, self.values[layer.name]))
        self.handles = [self.attach(self.model.get_submodule(name), given) for name, given in readers.items()]
        return self

    def is_layer_norm(self, slot: Slot) -> bool:
        return slot.tensor.endswith(".weight") and isinstance(self.model.get_submodule(slot.module), nn.LayerNorm)

    @staticmethod
    def attach(module: nn.Module, given: list[tuple[Slot, Tensor]]) -> torch.utils.hooks.RemovableHandle:
        features = module.weight.shape[given[0][0].dim]  # type: ignore[index, union-attr]
        if len(given) == 1 and given[0][0].index.numel() == features and given[0][0].width == 1:
            wide = torch.empty_like(given[0][1]).index_copy(0, given[0][0].index[:, 0], given[0][1])
        else:
            wide = torch.ones(int(features), dtype=given[0][1].dtype)
            for slot, gate in given:
                wide = wide.index_copy(0, slot.index.flatten(), gate.repeat_interleave(slot.width))
        if isinstance(module, nn.LayerNorm):
            return module.register_forward_hook(lambda norm, inputs, _: open_norm(norm, inputs[0], wide))

        def multiply(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            x, *rest = inputs
            trailing = [1] * (0 if feature_axis(module) == -1 else x.ndim - 2)
            return (x * wide.to(x.dtype).reshape(-1, *trailing), *rest)

        return module.register_forward_pre_hook(multiply)

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()


def open_norm(norm: nn.LayerNorm, x: Tensor, gate: Tensor) -> Tensor:
    """LayerNorm over the features whose gate is above 0; they lie last or, in some convolutional models, second."""
    index = gate.detach().nonzero().flatten()
    axis = -1 if x.shape[-1] == len(gate) else 1
    last = x.movedim(axis, -1)
    bias = None if norm.bias is None else norm.bias[index]
    y = F.layer_norm(last[..., index], (len(index),), norm.weight[index], bias, norm.eps)
    return torch.zeros_like(last).index_copy(-1, index, y).movedim(-1, axis)


@contextlib.contextmanager
def watch(model: nn.Module, layers: list[Layer], function: Callable[[Layer, Tensor], None]) -> Iterator[None]:
    """Call `function(layer, activation)` with [B, P, count, width] at the first reader of each layer, in forward order.

    P are positions (pixels or tokens); what is seen is what the reader reads: after norm and activation.
    """

    def look(layer: Layer, slot: Slot) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0]
            last = x if feature_axis(module) == -1 else x.movedim(1, -1)
            function(layer, last.reshape(len(x), -1, x.shape[feature_axis(module)])[:, :, slot.index])

        return hook

    handles = [
        model.get_submodule(layer.read[0].module).register_forward_pre_hook(look(layer, layer.read[0]))
        for layer in layers
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
