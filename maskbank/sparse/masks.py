"""Masks at work in training: what is masked stays exactly zero, in weights, gradients and moments.

A mask that is put in place clears weights and moments, and gradients are masked at every step. With a gradient and moments of
zero an optimizer's step leaves a weight of zero as it is, with weight decay too; `check` proves it. Boolean masks are
the truth; a product with their float copies is several times faster than one with themselves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from maskbank.errors import WorkError
from maskbank.pruning.patterns import NOfM, Pattern, live_things
from maskbank.pruning.topk import top
from maskbank.pruning.weights import Masks, check_masks


@dataclass
class Masking:
    """The masks of a model's prunable weights under one optimizer. True: live."""

    weights: dict[str, nn.Parameter]
    optimizer: torch.optim.Optimizer
    masks: Masks = field(init=False)
    factors: dict[str, Tensor] = field(init=False, default_factory=dict)  # of the tensors that are not dense

    def __post_init__(self) -> None:
        self.masks = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in self.weights.items()}

    @torch.no_grad()
    def put(self, masks: Masks) -> None:
        """Replace masks. What leaves becomes zero with its moments; what comes back starts at exactly zero."""
        for name, mask in masks.items():
            like = torch.ones_like(self.weights[name], dtype=torch.bool)
            self.masks[name] = like.copy_(mask)
            if mask.all():
                self.factors.pop(name, None)
            else:
                self.factors[name] = self.masks[name].to(self.weights[name].dtype)
            self.weights[name].masked_fill_(~self.masks[name], 0)
            for moment in moments(self.optimizer, self.weights[name]):
                moment.masked_fill_(~self.masks[name], 0)

    @torch.no_grad()
    def mask_gradients(self) -> None:
        for name, factor in self.factors.items():
            slope = self.weights[name].grad
            if slope is not None:
                slope.mul_(factor)

    def check(self) -> None:
        """The invariant: masked weights and their moments are exactly zero. Raises WorkError that names the tensor."""
        check_masks(self.weights, self.masks)
        for name, mask in self.masks.items():
            for moment in moments(self.optimizer, self.weights[name]):
                alive = int(torch.count_nonzero(moment.masked_fill(mask, 0)))
                if alive:
                    raise WorkError(
                        f"{name}: {alive} moments of masked weights are not zero; they came back in training"
                    )


def moments(optimizer: torch.optim.Optimizer, weight: Tensor) -> Iterator[Tensor]:
    """What an optimizer remembers of each weight of a tensor."""
    for value in optimizer.state.get(weight, {}).values():
        if isinstance(value, Tensor) and value.shape == weight.shape:
            yield value


def moved(mask: Tensor, pattern: Pattern, keep: Tensor, grow: Tensor, fraction: float) -> Tensor:
    """A mask in which a fraction of the live groups, of the lowest `keep`, gave way to as many others of the highest `grow`.

    `keep` and `grow` are at least 0. What grows was masked before. One live group stays, and none moves where none is masked.
    """
    if isinstance(pattern, NOfM):
        raise TypeError("n:m has no groups that move on their own")
    live, keep, grow = live_things(pattern, mask), pattern.things(keep), pattern.things(grow)
    count = int(live.sum())
    number = min(round(fraction * count), count - 1, live.numel() - count)
    if number < 1:
        return mask
    stays = top({"": keep.masked_fill(~live, -1)}, count - number)[""]
    grows = top({"": grow.masked_fill(live, -1)}, number)[""]
    return pattern.mask(stays | grows, tuple(mask.shape))


def magnitudes_of(weights: Mapping[str, Tensor], masks: Masks) -> dict[str, Tensor]:
    """|w|, and -1 where masked, so that a live weight of exactly zero is worth more."""
    return {name: weight.detach().abs().masked_fill(~masks[name], -1) for name, weight in weights.items()}
