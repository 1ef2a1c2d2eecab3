"""What a score may look at besides the model: some examples of the task, and its source of randomness."""

from dataclasses import dataclass

import torch
from torch import Tensor

from maskbank.errors import InputError


@dataclass(frozen=True)
class Sample:
    """`x` [N, C, H, W] normalised floats, `y` [N] int64 in 0..ways-1; the model's head fits these classes."""

    x: Tensor
    y: Tensor
    generator: torch.Generator

    def chunks(self, size: int = 32) -> list[tuple[Tensor, Tensor]]:
        """Parts of `size` examples; a last one left alone joins the part before it (BatchNorm cannot take one)."""
        sizes = [min(size, len(self.x) - start) for start in range(0, len(self.x), size)]
        if size > 1 and len(sizes) > 1 and sizes[-1] == 1:
            sizes[-2:] = [size + 1]
        return list(zip(self.x.split(sizes), self.y.split(sizes), strict=True)) if sizes else []

    def first(self, count: int) -> "Sample":
        """The first examples, with the same source of randomness."""
        return Sample(self.x[:count], self.y[:count], self.generator)

    def require(self, method: str) -> None:
        """Raises InputError where there are no examples."""
        if len(self.x) == 0:
            raise InputError(
                f"method {method}: needs examples of the task and got none; set score_images above 0 or choose one without data"
            )


Scores = dict[str, Tensor]  # layer name -> [count], the higher the more worth keeping
