"""What a mask learner leaves for one bank task."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Learned:
    """`mask` in {0, 1} and `soft`, the scores before thresholding: layer name -> [count]."""

    mask: dict[str, Tensor]
    soft: dict[str, Tensor]
