"""What a data source gives: images as bytes, labels as integers, and the names of the classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskbank.errors import InputError


@dataclass(frozen=True)
class Raw:
    """`train_x`, `test_x` [N, H, W, C] uint8; `train_y`, `test_y` [N] int64 in 0..len(names)-1."""

    train_x: NDArray[np.uint8]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.uint8]
    test_y: NDArray[np.int64]
    names: list[str]

    def check(self, origin: str) -> "Raw":
        """Return self, or raise an InputError that names the array that does not fit."""
        for part, x, y in (("train", self.train_x, self.train_y), ("test", self.test_x, self.test_y)):
            if x.ndim != 4 or x.dtype != np.uint8:
                raise InputError(f"{origin}: x_{part} is {x.dtype} {list(x.shape)}; expected uint8 [N, H, W, C]")
            if y.shape != (len(x),):
                raise InputError(
                    f"{origin}: y_{part} has shape {list(y.shape)}; expected [{len(x)}], one label an image"
                )
            if len(y) and not (y.min() >= 0 and y.max() < len(self.names)):
                raise InputError(f"{origin}: y_{part} holds {y.min()}..{y.max()}; expected 0..{len(self.names) - 1}")
        if self.train_x.shape[1:] != self.test_x.shape[1:]:
            shapes = f"{list(self.train_x.shape[1:])} and {list(self.test_x.shape[1:])}"
            raise InputError(
                f"{origin}: train and test images differ in shape ({shapes}); set data.size to resize them"
            )
        return self
