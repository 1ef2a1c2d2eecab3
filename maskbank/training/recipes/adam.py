"""Adam (Kingma & Ba 2015), the baseline of every recipe."""

from collections.abc import Iterable

import torch
from torch import nn

PARALLEL = 1
PASSES = 1


def prepare(parameters: Iterable[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr)
