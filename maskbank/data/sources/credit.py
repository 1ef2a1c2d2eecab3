"""A SYNTHETIC imbalanced table in the place of credit-card fraud: 21,000 rows of 29 features, 1 in 21 is fraud.

No row is real. scikit-learn's `make_classification` draws them from a fixed seed: three Gaussian clusters a class on the
corners of a ten-dimensional hypercube, so that a linear model is beaten by one that bends; 6 features are mixtures of
those 10, the other 13 are noise. Each row is an image of 29 channels and one pixel.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import make_classification

from maskbank.data.raw import Raw
from maskbank.errors import InputError

NAMES = ["genuine", "fraud"]
CLASSES = len(NAMES)
ROWS = 21_000
FEATURES = 29
IMAGE = (FEATURES, 1, ROWS // 4 // CLASSES)  # channels, pixels a side, mean of test rows a class
RANGE = 4.0  # standard deviations on each side that the bytes span


def load(path: Path | None, size: int | None) -> Raw:
    """Every fourth row is test. Raises InputError for a path or a size, for neither could be heeded."""
    if path is not None:
        raise InputError(f"data.path = {path}: the source credit is drawn from a seed; set data.path to null")
    if size not in (None, 1):
        raise InputError(f"data.size = {size}: the rows of credit are images of one pixel; set data.size to null")
    table, y = make_classification(
        ROWS, FEATURES, n_informative=10, n_redundant=6, n_clusters_per_class=3, weights=[20 / 21], flip_y=0.0,
        class_sep=1.2, random_state=0,
    )  # fmt: skip
    test = np.arange(ROWS) % 4 == 3
    z = (table - table[~test].mean(0)) / table[~test].std(0)
    pixels = np.round(127.5 + 127.5 * np.clip(z / RANGE, -1, 1)).astype(np.uint8)
    x, labels = pixels[:, None, None, :], y.astype(np.int64)
    return Raw(x[~test], labels[~test], x[test], labels[test], NAMES)
