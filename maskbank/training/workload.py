"""A workload: generated data in three parts, a model for them, the loss it learns by and the metric it is judged by."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from maskbank.training.loop import Loss

Pairs = tuple[Tensor, Tensor]  # x [N, ...], y [N, ...]


@dataclass(frozen=True)
class Workload:
    """`metric` names the score (0 to 1) in the table of metrics; `score` judges a model on the whole of a part.

    `build` draws random weights from torch's global generator. Choices are made on `validation`, reports on `test`.
    """

    metric: str
    build: Callable[[], nn.Module]
    loss: Loss
    score: Callable[[nn.Module, Pairs], float]
    train: Pairs
    validation: Pairs
    test: Pairs
