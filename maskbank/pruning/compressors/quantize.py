"""Quantization: weights symmetric, one scale an output channel; activations too where asked. `budget` is bits of a weight."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from maskbank.errors import InputError
from maskbank.measures.cost import tensor_bytes
from maskbank.pruning.compressed import Compressed
from maskbank.pruning.quantization import Grid, quantize, quantize_range, quantize_tokens, whole_bits
from maskbank.pruning.sample import Sample
from maskbank.pruning.weights import prunable_weights

BUDGET_KIND = "bits"
ROLE = "rival"


@dataclass(frozen=True)
class TokenInput:
    """Forward pre-hook: the input of a linear layer, quantized row by row."""

    bits: int
    grid: Grid

    def __call__(self, layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (quantize_tokens(inputs[0], self.bits, self.grid), *inputs[1:])


@dataclass(frozen=True)
class RangeInput:
    """Forward pre-hook: the input of a convolution, quantized over the range that calibration saw."""

    bits: int
    low: float
    high: float

    def __call__(self, layer: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (quantize_range(inputs[0], self.low, self.high, self.bits), *inputs[1:])


@torch.no_grad()
def compress(
    model: nn.Module,
    budget: float,
    sample: Sample,
    activation_bits: int | None = None,
    *,
    grid: Literal["narrow", "full"] = "narrow",
    layers: Literal["all", "linear"] = "all",
) -> Compressed:
    """Quantize in place the weights of convolutions and linear layers but stem and classifier.

    `activation_bits`: from now on the model, left in eval mode, quantizes the inputs of the same layers as it runs, by
    forward pre-hooks that live as long as the layers do, in copies too, and are not in the state. Linear layers: dynamic,
    per token, on the same kind of `grid` as weights. Convolutions: static, per tensor, over the smallest and largest input
    on `sample.x` of the model before its weights are rounded, in eval mode; statistics of BatchNorm that are re-estimated
    later do not move it. All else stays float32: biases, sums, norms, softmax, and the two products of attention (q k' and
    attn v).
    `grid`: see `maskbank.pruning.quantization`. `layers` "linear" leaves convolutions as they are.

    Bytes: packed weights and a float32 step a channel; activations change no byte of what is stored. All of this is
    simulated: it says what accuracy integers would have, not what speed.

    Raises InputError for widths other than whole numbers 2 to 16, for a model with nothing to quantize, and with
    `activation_bits` for convolutions without examples, inputs that are not finite, or layers that are never called.
    """
    bits = whole_bits(budget, "budget")
    chosen = inner_layers(model, layers)
    if activation_bits is not None:
        quantize_inputs(model, chosen, sample, whole_bits(activation_bits, "activation_bits"), grid)
    weights = [layer.weight for layer in chosen.values()]
    for weight in weights:
        weight.copy_(quantize(weight, bits, grid))
    saved = sum(w.numel() * w.element_size() - (w.numel() * bits + 7) // 8 - 4 * len(w) for w in weights)
    return Compressed(float(bits), tensor_bytes(model) - saved)


def inner_layers(model: nn.Module, layers: str) -> dict[str, Any]:
    """Name -> convolution or linear layer whose weight is prunable."""
    names = [name.removesuffix(".weight") for name in prunable_weights(model)]
    chosen = {name: model.get_submodule(name) for name in names}
    if layers == "linear":
        chosen = {name: layer for name, layer in chosen.items() if isinstance(layer, nn.Linear)}
    if not chosen:
        kinds = "linear layer" if layers == "linear" else "convolution or linear layer"
        raise InputError(
            f"quantize: {type(model).__name__} has no {kinds} but stem and classifier; choose another model"
        )
    return chosen


def quantize_inputs(model: nn.Module, layers: Mapping[str, nn.Module], sample: Sample, bits: int, grid: Grid) -> None:
    """Put the hooks on; none is on where calibration fails."""
    if any(isinstance(layer, nn.Conv2d) for layer in layers.values()):
        sample.require("quantize with activation_bits")
    ranges = input_ranges(model, layers, sample)
    if len(sample.x):
        check_ranges(layers, ranges)
    for name, layer in layers.items():
        token = isinstance(layer, nn.Linear)
        layer.register_forward_pre_hook(TokenInput(bits, grid) if token else RangeInput(bits, *ranges[name]))


@torch.no_grad()
def input_ranges(model: nn.Module, layers: Mapping[str, nn.Module], sample: Sample) -> dict[str, tuple[float, float]]:
    """Layer name -> smallest and largest value of its input over the sample; none of a layer that is never called."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    def see(name: str, x: Tensor) -> None:
        low, high = x.aminmax()
        before = seen.get(name, (low, high))
        seen[name] = torch.minimum(low, before[0]), torch.maximum(high, before[1])  # NaN stays NaN

    hooks = [
        layer.register_forward_pre_hook(lambda _, inputs, name=name: see(name, inputs[0]))
        for name, layer in layers.items()
    ]
    model.eval()
    try:
        for x, _ in sample.chunks():
            model(x)
    finally:
        for hook in hooks:
            hook.remove()
    return {name: (float(low), float(high)) for name, (low, high) in seen.items()}


def check_ranges(layers: Mapping[str, nn.Module], ranges: Mapping[str, tuple[float, float]]) -> None:
    for name in layers:
        if name not in ranges:
            raise InputError(
                f"activation_bits: {name} is used without being called, so that its input cannot be quantized; set it to null"
            )
        if not all(abs(value) < float("inf") for value in ranges[name]):
            raise InputError(f"activation_bits: the input of {name} is NaN or infinite on the sample; set it to null")
