"""What a pretraining recipe is: an optimizer, how long, and on which form of the backbone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn

from maskbank.models.checkpoint import Transform

MakeOptimizer = Callable[[Iterable[nn.Parameter], float], torch.optim.Optimizer]  # parameters and learning rate


@dataclass(frozen=True)
class Recipe:
    """`optimizer` takes `passes` forward and backward passes a step, for `length` times the steps asked for.

    `transform` changes the backbone once the fraction `start` of the steps is over. `merge` turns the trained model into
    an ordinary one, where the transformation is for training alone.
    """

    optimizer: MakeOptimizer
    passes: int = 1
    length: int = 1
    transform: Transform | None = None
    start: float = 0.0
    merge: Callable[[nn.Module], nn.Module] | None = None
