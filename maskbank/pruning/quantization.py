"""Fake quantizers: values rounded to those that a few bits can hold, still computed in floating point.

Three schemes, named by what shares a step: `quantize` (weights, an output channel), `quantize_tokens` (inputs of linear
layers, a row) and `quantize_range` (inputs of convolutions, the tensor). Rounding is to the nearest, ties to the even
one. Symmetric grids come in two widths:

- "narrow": integers -(2^(b-1)-1)..2^(b-1)-1, step max|x| / (2^(b-1)-1), so that the largest value is hit exactly (the
  restricted range of Krishnamoorthi 2018, section 2.2; per token as in ZeroQuant and SmoothQuant). Of 2 bits it uses three
  levels, -1, 0, 1.
- "full": integers -2^(b-1)..2^(b-1)-1, step max|x| / (2^(b-1)-0.5): torchao's symmetric mapping. The largest value falls
  half-way beyond the last level: it is clipped by half a step where positive, and where negative it sits on a tie that
  the last bit decides. Of 2 bits it uses all four levels. Equal to torchao bit for bit, but for rows whose step would be
  below its floor of 1.2e-7.

Gradients pass straight through rounding and clipping (Bengio et al. 2013), so that an attack on a quantized model has a
slope to climb.
"""

from typing import Any, Literal

import torch
from torch import Tensor

from maskbank.errors import InputError

Grid = Literal["narrow", "full"]
WIDTHS = (2, 16)  # bits
SMALLEST = 1e-12  # of a step: rows and ranges of zeros stay zeros


def whole_bits(value: float, key: str) -> int:
    """The width as an integer; an InputError that names `key` where it is none of 2..16."""
    low, high = WIDTHS
    if not low <= value <= high or value != int(value):
        raise InputError(f"{key} = {value:g}: quantize takes a whole number of bits, {low} to {high}")
    return int(value)


def levels(bits: int, grid: Grid) -> tuple[int, int]:
    """Smallest and largest integer of a symmetric grid."""
    top = 2 ** (bits - 1)
    return (1 - top if grid == "narrow" else -top), top - 1


class Nearest(torch.autograd.Function):
    """The nearest integer in low..high, with the gradient of the identity."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: int, high: int) -> Tensor:
        return x.round().clamp_(low, high)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient, None, None


def nearest(x: Tensor, low: int, high: int) -> Tensor:
    rounded: Tensor = Nearest.apply(x, low, high)
    return rounded


def quantize_tokens(x: Tensor, bits: int, grid: Grid = "narrow") -> Tensor:
    """Rows of [..., K], each on a symmetric grid of its own step, found as the model runs (dynamic, per token).

    With 8 bits and the full grid this is the activation scheme of torchao's Int8DynamicActivationInt8WeightConfig.
    """
    low, high = levels(bits, grid)
    step = (x.detach().abs().amax(-1, keepdim=True) / ((high - low) / 2)).clamp_min(SMALLEST)
    return nearest(x * (1 / step), low, high) * step


def quantize(weight: Tensor, bits: int, grid: Grid = "narrow") -> Tensor:
    """Weights [out, ...] on a symmetric grid, with one step an output channel."""
    return quantize_tokens(weight.flatten(1), bits, grid).view(weight.shape)


def quantize_range(x: Tensor, low: float, high: float, bits: int) -> Tensor:
    """Values of a tensor on 2^b levels over a range known beforehand (static, per tensor); what is outside is clipped.

    Asymmetric (affine) as in Jacob et al. 2018, section 2.1: unsigned integers and a zero point, so that 0 stays 0. The
    range is widened to hold 0.
    """
    low, high, top = min(low, 0.0), max(high, 0.0), 2**bits - 1
    step = max((high - low) / top, SMALLEST)
    zero = round(-low / step)
    return nearest(x * (1 / step), -zero, top - zero) * step
