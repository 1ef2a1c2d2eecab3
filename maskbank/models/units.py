"""Prunable units: inner channels of residual branches, attention heads, FFN nodes.

A layer is a set of units that can be removed one by one: `producers` make them, one `consumer` reads them. Modules
are known by what they hold rather than by class, so that timm need not be imported to look for them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from maskbank.errors import InputError


@dataclass(frozen=True)
class Layer:
    """`count` units; each is `width` input features of the module `consumer`."""

    name: str
    kind: str  # channel, head or node
    count: int
    producers: tuple[str, ...]
    consumer: str
    width: int = 1


def find_layers(model: nn.Module) -> list[Layer]:
    """All prunable layers in forward order. Raises InputError where there are none."""
    layers = [layer for name, module in model.named_modules() for layer in layers_of(name, module)]
    if not layers:
        raise InputError(
            f"{type(model).__name__}: no prunable units found; expected residual branches or transformer blocks"
        )
    return layers


def layers_of(name: str, module: nn.Module) -> Iterator[Layer]:
    dot = f"{name}." if name else ""
    if all(hasattr(module, part) for part in ("qkv", "proj", "num_heads")):
        yield Layer(f"{dot}heads", "head", module.num_heads, (f"{dot}qkv",), f"{dot}proj", module.head_dim)  # type: ignore[arg-type]
    elif all(isinstance(getattr(module, part, None), nn.Linear) for part in ("fc1", "fc2")):
        yield Layer(f"{dot}fc1", "node", module.fc1.out_features, (f"{dot}fc1",), f"{dot}fc2")  # type: ignore[arg-type, union-attr]
    else:
        for index in (1, 2):
            here, after = getattr(module, f"conv{index}", None), getattr(module, f"conv{index + 1}", None)
            if isinstance(here, nn.Conv2d) and isinstance(after, nn.Conv2d) and here.groups == after.groups == 1:
                producers = (f"{dot}conv{index}", f"{dot}bn{index}")
                yield Layer(f"{dot}conv{index}", "channel", here.out_channels, producers, f"{dot}conv{index + 1}")


def gate_hook(layer: Layer, gate: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    """A forward pre-hook for the layer's consumer that multiplies each unit by its gate."""

    def multiply(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        x, *rest = inputs
        wide = gate.repeat_interleave(layer.width).to(x.dtype)
        return (x * (wide[:, None, None] if layer.kind == "channel" else wide), *rest)

    return multiply


class Gates:
    """A context in which every unit of `layers` is multiplied by its gate: `{layer name: tensor [count]}`."""

    def __init__(self, model: nn.Module, layers: list[Layer], values: dict[str, Tensor]) -> None:
        self.model, self.layers, self.values = model, layers, values

    def __enter__(self) -> "Gates":
        self.handles = [
            self.model.get_submodule(layer.consumer).register_forward_pre_hook(
                gate_hook(layer, self.values[layer.name])
            )
            for layer in self.layers
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()


def ones(layers: list[Layer], requires_grad: bool = False) -> dict[str, Tensor]:
    return {layer.name: torch.ones(layer.count, requires_grad=requires_grad) for layer in layers}


def unit_weights(model: nn.Module, layer: Layer) -> Tensor:
    """[count, fan] the weights that make each unit (for a head: its rows of q, k and v)."""
    weight = model.get_parameter(f"{layer.producers[0]}.weight").detach()
    if layer.kind == "head":
        return weight.reshape(3, layer.count, -1).transpose(0, 1).flatten(1)
    return weight.flatten(1)
