"""Patterns on tensors: what stays or leaves as one. A single weight, n weights of every m in a row, a block, an output.

A weight is seen as a matrix [out, in] at every position of its kernel: groups and blocks run over input channels
(and output channels) at one position, as the multiplication of channels-last tensors reads them (our reading).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maskbank.errors import InputError
from maskbank.patterns import OF_SINGLE, parse_pattern


@dataclass(frozen=True)
class Unstructured:
    """Every weight on its own."""

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """Any shape fits."""

    def things(self, saliency: Tensor) -> Tensor:
        return saliency

    def mask(self, kept: Tensor, shape: tuple[int, ...]) -> Tensor:
        return kept


@dataclass(frozen=True)
class Block:
    """Blocks of `size` outputs by `size` inputs; a block's saliency is the sum of its weights' (Gray et al. 2017)."""

    size: int

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """Raises InputError where blocks do not tile the tensor."""
        for dim, what in ((0, "outputs"), (1, "inputs")):
            fits(name, what, shape[dim], self.size, "block size")

    def things(self, saliency: Tensor) -> Tensor:
        """[out / size, in / size, ...kernel]"""
        out, inner, *kernel = saliency.shape
        return saliency.reshape(out // self.size, self.size, inner // self.size, self.size, *kernel).sum((1, 3))

    def mask(self, kept: Tensor, shape: tuple[int, ...]) -> Tensor:
        return kept.repeat_interleave(self.size, 0).repeat_interleave(self.size, 1)


@dataclass(frozen=True)
class NOfM:
    """The `n` largest of every `m` consecutive inputs of one output at one kernel position (Mishra et al. 2021: 2:4)."""

    n: int
    m: int

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """Raises InputError where groups of m do not tile the inputs."""
        fits(name, "inputs", shape[1], self.m, f"pattern {self.n}:{self.m}, m")

    def choose(self, saliency: Tensor) -> Tensor:
        """Bool mask; of equal values the first stay."""
        groups = saliency.detach().movedim(1, -1).unflatten(-1, (-1, self.m))
        order = groups.argsort(dim=-1, descending=True, stable=True)
        chosen = torch.zeros_like(groups, dtype=torch.bool).scatter_(-1, order[..., : self.n], True)
        return chosen.flatten(-2).movedim(-1, 1)


@dataclass(frozen=True)
class Channel:
    """Whole outputs of a tensor, as masks: a channel's saliency is the sum of its weights' (our reading, as of blocks)."""

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """Any shape fits."""

    def things(self, saliency: Tensor) -> Tensor:
        """[out]"""
        return saliency.flatten(1).sum(1)

    def mask(self, kept: Tensor, shape: tuple[int, ...]) -> Tensor:
        return kept.reshape(-1, *[1] * (len(shape) - 1)).expand(shape).clone()


Pattern = Unstructured | Block | NOfM | Channel


def pattern_of(text: str, kinds: Sequence[str] = OF_SINGLE) -> Pattern:
    """The pattern that a text names. Raises InputError for what is none of these kinds."""
    parsed = parse_pattern(text, kinds)
    if parsed.kind == "n:m":
        return NOfM(parsed.n, parsed.m)
    if parsed.kind == "block":
        return Block(parsed.n)
    return Channel() if parsed.kind == "channel" else Unstructured()


def live_things(pattern: Pattern, mask: Tensor) -> Tensor:
    """Bool: which things of a mask are live. Of n:m a thing is a weight."""
    return mask if isinstance(pattern, NOfM) else pattern.things(mask.float()) > 0


def fits(name: str, what: str, size: int, by: int, key: str) -> None:
    if by < 1 or size % by:
        raise InputError(
            f"{key} = {by}: {name} has {size} {what}, which is no multiple of it; leave this tensor dense or choose another"
        )
