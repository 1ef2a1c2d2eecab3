"""Patterns of sparse training: those of single weights, and whole output channels. What stays or leaves is a thing."""

import re
from dataclasses import dataclass
from typing import Protocol, cast

from torch import Tensor

from maskbank.errors import InputError
from maskbank.pruning.patterns import NOfM, parse_pattern


class Tiled(Protocol):
    """A pattern whose things may stay in any number."""

    def check(self, name: str, shape: tuple[int, ...]) -> None: ...
    def things(self, saliency: Tensor) -> Tensor: ...
    def mask(self, kept: Tensor, shape: tuple[int, ...]) -> Tensor: ...


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


Pattern = Tiled | NOfM


def pattern_of(text: str) -> Pattern:
    """unstructured, channel, n:m such as 2:4, or block:b such as block:4. Raises InputError for anything else."""
    if text == "channel":
        return Channel()
    try:
        return cast(Pattern, parse_pattern(text))
    except InputError:
        known = "unstructured, channel, n:m such as 2:4, or block:b such as block:4"
        raise InputError(f"pattern = {text!r}: expected {known}") from None


def kind_of(text: str) -> str:
    """What methods say they can do: unstructured, n:m, block or channel."""
    return "n:m" if re.fullmatch(r"\d+:\d+", text) else text.partition(":")[0]


def live_things(pattern: Pattern, mask: Tensor) -> Tensor:
    """Bool: which things of a mask are live. Of n:m a thing is a weight."""
    return mask if isinstance(pattern, NOfM) else pattern.things(mask.float()) > 0
