"""What a score may look at beside the model: some examples of the task, and its source of randomness."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sample:
    """`x` [N, C, H, W] normalised floats, `y` [N] int64 in 0..ways-1; the model's head fits these classes."""

    x: Tensor
    y: Tensor
    generator: torch.Generator

    def chunks(self, size: int = 32) -> list[tuple[Tensor, Tensor]]:
        return list(zip(self.x.split(size), self.y.split(size), strict=True))


Scores = dict[str, Tensor]  # layer name -> [count], the higher the more worth keeping
