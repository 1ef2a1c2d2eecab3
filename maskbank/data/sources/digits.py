"""scikit-learn's bundled digits: 1,797 images of 8 x 8 pixels in 10 classes, no download."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from maskbank.data.raw import Raw

CLASSES = 10
IMAGE = (1, 8, 44)  # channels, pixels a side, test images a class


def load(path: Path | None, size: int | None) -> Raw:
    """Every fourth image is test (our reading: the set has no split of its own)."""
    digits = load_digits()
    x = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    y = digits.target.astype(np.int64)
    test = np.arange(len(y)) % 4 == 3
    return Raw(x[~test], y[~test], x[test], y[test], [str(digit) for digit in range(10)])
