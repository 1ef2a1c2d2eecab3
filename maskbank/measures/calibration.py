"""Calibration from predictions: expected calibration error."""

import numpy as np
from numpy.typing import NDArray


def expected_calibration_error(correct: NDArray[np.bool_], probability: NDArray[np.floating], bins: int) -> float:
    """ECE (Naeini et al. 2015): mean |accuracy - confidence| over `bins` equal-width bins, weighted by examples. [N], [N]."""
    place = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = [
        (place == index).sum() * abs(correct[place == index].mean() - probability[place == index].mean())
        for index in np.unique(place)
    ]
    return float(sum(gaps) / len(correct))
