"""Batches from memory: drawn by a generator that is passed in, augmented a batch at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from maskbank.data.dataset import DataSet, Examples


def shift_and_flip(x: Tensor, generator: torch.Generator, crop: int, flip: bool) -> Tensor:
    """Move each image of [B, C, H, W] by up to `crop` pixels (zeros come in) and mirror half of them."""
    batch, _, height, width = x.shape
    if crop:
        x = torch.nn.functional.pad(x, (crop, crop, crop, crop))
        top, left = torch.randint(0, 2 * crop + 1, (2, batch, 1), generator=generator)
        rows, columns = top + torch.arange(height), left + torch.arange(width)
        x = x.permute(0, 2, 3, 1)[torch.arange(batch)[:, None, None], rows[:, :, None], columns[:, None, :]]
        x = x.permute(0, 3, 1, 2)
    if flip:
        mirrored = torch.rand(batch, generator=generator) < 0.5
        x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
    return x


class Batches(Protocol):
    """`steps` batches of `batch` examples in shuffled epochs; the last batch of an epoch is filled from the next one."""

    batch: int
    steps: int
    generator: torch.Generator
    order: Tensor

    def __len__(self) -> int:
        """Examples of an epoch."""
        ...

    def pick(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The examples at these places, as a model takes them."""
        ...

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return self

    def __next__(self) -> tuple[Tensor, Tensor]:
        if self.steps == 0:
            raise StopIteration
        self.steps -= 1
        while len(self.order) < self.batch:
            again = torch.randperm(len(self), generator=self.generator)
            self.order = torch.cat([self.order, again])
        index, self.order = self.order[: self.batch], self.order[self.batch :]
        return self.pick(index)

    def state(self) -> dict[str, Any]:
        """All that decides the batches that are left."""
        return {"steps": self.steps, "order": self.order, "generator": self.generator.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        self.steps, self.order = state["steps"], state["order"]
        self.generator.set_state(state["generator"])


def no_order() -> Tensor:
    return torch.empty(0, dtype=torch.int64)


@dataclass
class TrainingBatches(Batches):
    """Of images, normalised, moved and mirrored at random."""

    data: DataSet
    examples: Examples
    batch: int
    steps: int
    generator: torch.Generator
    crop: int = 0
    flip: bool = False
    order: Tensor = field(default_factory=no_order)

    def __len__(self) -> int:
        return len(self.examples)

    def pick(self, index: Tensor) -> tuple[Tensor, Tensor]:
        x = shift_and_flip(self.examples.x[index], self.generator, self.crop, self.flip)
        return self.data.normalise(x).contiguous(memory_format=torch.channels_last), self.examples.y[index]


@dataclass
class PairBatches(Batches):
    """Of `x` [N, ...] with `y` [N, ...], as they are."""

    x: Tensor
    y: Tensor
    batch: int
    steps: int
    generator: torch.Generator
    order: Tensor = field(default_factory=no_order)

    def __len__(self) -> int:
        return len(self.x)

    def pick(self, index: Tensor) -> tuple[Tensor, Tensor]:
        return self.x[index], self.y[index]


def evaluation_batches(data: DataSet, examples: Examples, batch: int = 200) -> Iterator[tuple[Tensor, Tensor]]:
    for x, y in zip(examples.x.split(batch), examples.y.split(batch), strict=True):
        yield data.normalise(x).contiguous(memory_format=torch.channels_last), y
