"""What a bank knows of one task."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Entry:
    """A task's mask and what it was made of; all tensors are float32.

    `mask` in {0, 1} and `soft` (scores before thresholding): layer name -> [count]; `head_weight` [ways, D],
    `head_bias` [ways]; `prototypes` [ways, D] are class means of the dense model's features, the task's signature.
    `about` is provenance and cost as plain JSON.
    """

    task: str
    dataset: str
    classes: tuple[int, ...]
    mask: dict[str, Tensor]
    soft: dict[str, Tensor]
    head_weight: Tensor
    head_bias: Tensor
    prototypes: Tensor
    accuracy: float
    about: dict[str, Any]
