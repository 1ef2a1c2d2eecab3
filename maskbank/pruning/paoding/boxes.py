"""Boxes: intervals of every feature, carried through a plain chain of operations (interval bound propagation).

Gowal et al. 2018. A box holds every value that the feature can take for inputs in the input's box.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from maskbank.pruning.recording import ACTIVATIONS, IMAGE, PASSING, PRODUCTS, Operation, Recording

LOWEST = {
    "gelu": (-0.75179, -0.16998),
    "silu": (-1.27846, -0.27847),
    "hardswish": (-1.5, -0.375),
}  # (where, just below)
SLOPE = {"gelu": 1.13, "silu": 1.1, "hardswish": 1.5}  # largest slope of an activation, rounded up; 1 for the others
LIKELY = 3.0  # our reading where no chain tells more: three standard deviations


@dataclass(frozen=True)
class Box:
    """Values within `radius` of `centre`, feature by feature; both of one shape."""

    centre: Tensor
    radius: Tensor

    @property
    def low(self) -> Tensor:
        return self.centre - self.radius

    @property
    def high(self) -> Tensor:
        return self.centre + self.radius

    @staticmethod
    def between(low: Tensor, high: Tensor) -> "Box":
        return Box((low + high) / 2, (high - low) / 2)


def activate(name: str, box: Box) -> Box:
    """The box after an activation; exact for the monotone ones and for those that fall once and rise then."""
    f = ACTIVATIONS[name]
    low, high = f(box.low), f(box.high)
    low, high = torch.minimum(low, high), torch.maximum(low, high)
    if name in LOWEST:
        where, value = LOWEST[name]
        low = torch.where((box.low < where) & (box.high > where), torch.full_like(low, value), low)
    return Box.between(low, high)


def advance(operation: Operation, box: Box) -> Box | None:
    """The box after an operation; None for operations that this file does not know."""
    if operation.name in PRODUCTS:
        weight, bias = operation.weight, operation.values("bias")
        rest = {key: value for key, value in operation.kwargs.items() if key not in ("input", "weight", "bias")}
        centre = operation.function(box.centre, weight, bias, *operation.args[3:], **rest)
        return Box(centre, operation.function(box.radius, weight.abs(), None, *operation.args[3:], **rest))
    if operation.norm:
        scale, shift = operation.affine()
        sides = [1, -1] + [1] * (box.centre.ndim - 2)
        return Box(box.centre * scale.view(sides) + shift.view(sides), box.radius * scale.abs().view(sides))
    if operation.name == "layer_norm":
        return layer_norm(operation, box.centre.shape)
    if operation.activation:
        return activate(operation.name, box)
    if operation.name in PASSING and len(operation.sources) == 1:
        low, high = (operation.function(side, *operation.args[1:], **operation.kwargs) for side in (box.low, box.high))
        return Box.between(low, high)
    return None


def layer_norm(operation: Operation, shape: torch.Size) -> Box:
    """Our reading: beta give or take 3 |gamma|. A feature may lie outside; then a bound is not certain."""
    one = torch.ones(shape, dtype=torch.float64)
    gain, bias = operation.values("weight"), operation.values("bias")
    return Box(one * 0 if bias is None else one * bias, LIKELY * one * (1 if gain is None else gain.abs()))


def box_before(seen: Recording, place: int, radius: float) -> tuple[Box, bool]:
    """Box of what an operation reads, and whether it holds for certain: for all images within `radius` of 0.

    Our reading where the way back to the image is not a chain of known operations: the box of the last LayerNorm, or else
    0 give or take 3 for what the last unknown operation made.
    """
    operation = seen.operations[place]
    if operation.sources == (IMAGE,):
        image = operation.x.double()
        return Box(torch.zeros_like(image), torch.full_like(image, radius)), True
    if len(operation.sources) == 1:
        source = seen.operations[operation.sources[0]]
        if source.name == "layer_norm":
            return layer_norm(source, operation.x.shape), False
        before, certain = box_before(seen, operation.sources[0], radius)
        after = advance(source, before)
        if after is not None:
            return after, certain
    zeros = torch.zeros_like(operation.x).double()
    return Box(zeros, torch.full_like(zeros, LIKELY)), False
