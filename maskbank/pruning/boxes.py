"""Boxes: intervals of every feature, carried through a plain chain of steps (interval bound propagation).

Gowal et al. 2018. A box holds every value that the feature can take for inputs in the input's box.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from maskbank.pruning.steps import IMAGE, PASSING, PRODUCTS, Step, Steps

FUNCTIONS = {
    "none": lambda x: x, "relu": F.relu, "relu6": F.relu6, "gelu": F.gelu, "silu": F.silu, "hardswish": F.hardswish,
    "sigmoid": torch.sigmoid, "tanh": torch.tanh,
}  # fmt: skip
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
    f = FUNCTIONS[name]
    low, high = f(box.low), f(box.high)
    low, high = torch.minimum(low, high), torch.maximum(low, high)
    if name in LOWEST:
        where, value = LOWEST[name]
        low = torch.where((box.low < where) & (box.high > where), torch.full_like(low, value), low)
    return Box.between(low, high)


def advance(step: Step, box: Box) -> Box | None:
    """The box after a step; None for steps that this file does not know."""
    if step.name in PRODUCTS:
        weight, bias = step.weight, step.values("bias")
        rest = {key: value for key, value in step.kwargs.items() if key not in ("input", "weight", "bias")}
        centre = step.function(box.centre, weight, bias, *step.args[3:], **rest)
        return Box(centre, step.function(box.radius, weight.abs(), None, *step.args[3:], **rest))
    if step.norm:
        scale, shift = affine(step)
        sides = [1, -1] + [1] * (box.centre.ndim - 2)
        return Box(box.centre * scale.view(sides) + shift.view(sides), box.radius * scale.abs().view(sides))
    if step.name == "layer_norm":
        return layer_norm(step, box.centre.shape)
    if step.activation:
        return activate(step.name, box)
    if step.name in PASSING and len(step.sources) == 1:
        low, high = (step.function(side, *step.args[1:], **step.kwargs) for side in (box.low, box.high))
        return Box.between(low, high)
    return None


def affine(step: Step) -> tuple[Tensor, Tensor]:
    """Scale and shift [features] of a batch norm in eval mode, float64."""
    gain, bias = step.values("weight"), step.values("bias")
    scale = (step.given("running_var").double() + step.given("eps")).rsqrt()
    scale = scale if gain is None else scale * gain
    shift = -step.given("running_mean").double() * scale
    return scale, shift if bias is None else shift + bias


def layer_norm(step: Step, shape: torch.Size) -> Box:
    """Our reading: beta give or take 3 |gamma|. A feature may lie outside; then a bound is not certain."""
    one = torch.ones(shape, dtype=torch.float64)
    gain, bias = step.values("weight"), step.values("bias")
    return Box(one * 0 if bias is None else one * bias, LIKELY * one * (1 if gain is None else gain.abs()))


def box_before(seen: Steps, place: int, radius: float) -> tuple[Box, bool]:
    """Box of what a step reads, and whether it holds for certain: for all images within `radius` of 0.

    Our reading where the way back to the image is not a chain of known steps: the box of the last LayerNorm, or else
    0 give or take 3 for what the last unknown step made.
    """
    step = seen.steps[place]
    if step.sources == (IMAGE,):
        image = step.x.double()
        return Box(torch.zeros_like(image), torch.full_like(image, radius)), True
    if len(step.sources) == 1:
        source = seen.steps[step.sources[0]]
        if source.name == "layer_norm":
            return layer_norm(source, step.x.shape), False
        before, certain = box_before(seen, step.sources[0], radius)
        after = advance(source, before)
        if after is not None:
            return after, certain
    zeros = torch.zeros_like(step.x).double()
    return Box(zeros, torch.full_like(zeros, LIKELY)), False
