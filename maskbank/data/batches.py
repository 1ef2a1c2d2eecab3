"""Batches from memory: drawn by a generator that is passed in, augmented a batch at a time."""

from collections.abc import Iterator

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


def training_batches(
    data: DataSet,
    examples: Examples,
    batch: int,
    steps: int,
    generator: torch.Generator,
    crop: int = 0,
    flip: bool = False,
) -> Iterator[tuple[Tensor, Tensor]]:
    """`steps` batches in shuffled epochs; the last batch of an epoch is filled from the next one."""
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        while len(order) < batch:
            order = torch.cat([order, torch.randperm(len(examples), generator=generator)])
        index, order = order[:batch], order[batch:]
        x = shift_and_flip(examples.x[index], generator, crop, flip)
        yield data.normalise(x).contiguous(memory_format=torch.channels_last), examples.y[index]


def evaluation_batches(data: DataSet, examples: Examples, batch: int = 200) -> Iterator[tuple[Tensor, Tensor]]:
    for x, y in zip(examples.x.split(batch), examples.y.split(batch), strict=True):
        yield data.normalise(x).contiguous(memory_format=torch.channels_last), y
