"""Patterns: what stays or leaves as one thing. A single weight, n weights of every m in a row, a square block.

A weight is seen as a matrix [out, in] at every position of its kernel: groups and blocks run over input channels
(and output channels) at one position, as the multiplication of channels-last tensors reads them (our reading).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from maskbank.errors import InputError


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

    def __post_init__(self) -> None:
        if not 0 < self.n < self.m:
            raise InputError(f"pattern {self.n}:{self.m}: expected 0 < n < m, such as 2:4")

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """Raises InputError where groups of m do not tile the inputs."""
        fits(name, "inputs", shape[1], self.m, f"pattern {self.n}:{self.m}, m")

    def choose(self, saliency: Tensor) -> Tensor:
        """Bool mask; of equal values the first stay."""
        groups = saliency.detach().movedim(1, -1).unflatten(-1, (-1, self.m))
        order = groups.argsort(dim=-1, descending=True, stable=True)
        chosen = torch.zeros_like(groups, dtype=torch.bool).scatter_(-1, order[..., : self.n], True)
        return chosen.flatten(-2).movedim(-1, 1)


Pattern = Unstructured | Block | NOfM


def fits(name: str, what: str, size: int, by: int, key: str) -> None:
    if by < 1 or size % by:
        raise InputError(
            f"{key} = {by}: {name} has {size} {what}, which is no multiple of it; leave this tensor dense or choose another"
        )


def parse_pattern(text: str) -> Pattern:
    """unstructured, n:m such as 2:4, or block:b such as block:4. Raises InputError for anything else."""
    first, _, second = text.partition(":")
    if text == "unstructured":
        return Unstructured()
    if first == "block" and second.isdigit() and int(second) > 0:
        return Block(int(second))
    if first.isdigit() and second.isdigit():
        return NOfM(int(first), int(second))
    raise InputError(f"pattern = {text!r}: expected unstructured, n:m such as 2:4, or block:b such as block:4")
