"""How a model's tensors lie in memory: one exact layout, so that what it answers does not depend on where they came from.

Kernels are chosen by strides, those of dimensions of size 1 included, and other kernels round differently. Torch leaves
these strides open: a 1 x 1 or depthwise weight counts as contiguous in both formats whatever they are.
"""

from itertools import chain

import torch
from torch import Tensor, nn

ROWS, CHANNELS_LAST = torch.contiguous_format, torch.channels_last
ALIGNED = 64  # bytes: where torch's own allocator puts a tensor; in a mapped file it may begin anywhere


def strides(shape: torch.Size, format: torch.memory_format) -> tuple[int, ...]:
    """The strides that torch gives a new tensor; channels last is only for four dimensions, others lie in rows."""
    last = format == CHANNELS_LAST and len(shape) == 4
    found, step = [0] * len(shape), 1
    for dim in (1, 3, 2, 0) if last else reversed(range(len(shape))):
        found[dim], step = step, step * max(shape[dim], 1)
    return tuple(found)


def format_of(value: Tensor) -> torch.memory_format:
    """Channels last where the strides say exactly that, rows for everything else."""
    last = value.stride() == strides(value.shape, CHANNELS_LAST) != strides(value.shape, ROWS)
    return CHANNELS_LAST if last else ROWS


def laid(value: Tensor, format: torch.memory_format = ROWS) -> Tensor:
    """The value in exactly this layout, in an aligned storage of its own; a copy only where it is not so already."""
    exact = strides(value.shape, format)
    alone = value.untyped_storage().nbytes() == value.nbytes and value.data_ptr() % ALIGNED == 0
    if value.stride() == exact and alone:
        return value
    return torch.empty_strided(value.shape, exact, dtype=value.dtype, device=value.device).copy_(value)


def lay_out(model: nn.Module, format: torch.memory_format) -> nn.Module:
    """Bring all parameters and buffers into one layout, in place: they stay the same objects, shared ones included.

    Backbones lie channels last, which is faster on CPUs. Models of workloads and of the user's own lie in rows: torch
    2.14.1's channels-last backward corrupts the heap for strided convolutions of few channels.
    """
    for value in chain(model.parameters(), model.buffers()):
        value.data = laid(value.data, format)
    return model
