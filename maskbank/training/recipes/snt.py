"""SNT (Heo et al., arXiv 2305.04526), our S2P reading: Adam on the parallel form of the backbone."""

from collections.abc import Iterable

import torch
from torch import nn

from maskbank.training.recipes import adam

PARALLEL = 2
PASSES = 1


def prepare(parameters: Iterable[nn.Parameter], lr: float) -> torch.optim.Optimizer:
    return adam.prepare(parameters, lr)
