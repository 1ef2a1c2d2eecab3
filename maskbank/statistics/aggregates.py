"""Aggregates over tasks under weights: mean, median and interquartile mean (IQM), of many methods and resamples at once."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskbank.statistics.resampling import equal_weights

Array = NDArray[np.float64]

ROUNDING = 1e-9  # of cumulated weights


def weighted_mean(values: ArrayLike, weights: ArrayLike) -> Array:
    """[methods, tasks] under [resamples, tasks], whose rows sum to 1 -> [resamples, methods]."""
    return np.asarray(weights, dtype=float) @ np.asarray(values, dtype=float).T


def weighted_median(values: ArrayLike, weights: ArrayLike) -> Array:
    """As `weighted_mean`; where half of the weight ends exactly between two tasks, the middle of both.

    >>> weighted_median([[1.0, 2.0, 9.0]], [[0.25, 0.25, 0.5], [0.5, 0.4, 0.1]])
    array([[5.5],
           [1.5]])
    """

    def middle(ordered: Array, upto: Array, share: Array) -> Array:
        lower, upper = (upto >= 0.5 - ROUNDING).argmax(axis=1), (upto > 0.5 + ROUNDING).argmax(axis=1)
        return (ordered[lower] + ordered[upper]) / 2

    return by_method(values, weights, middle)


def weighted_iqm(values: ArrayLike, weights: ArrayLike) -> Array:
    """As `weighted_mean`: the mean of the middle half of the weight; a task on its edge counts in part.

    With n equal weights and n a multiple of 4 it is scipy's 25 % trimmed mean, as in Agarwal et al. (2021); scipy rounds
    the number of tasks trimmed otherwise. Our reading of IQM where splits have different numbers of tasks.

    >>> weighted_iqm([[1.0, 2.0, 4.0, 100.0]], [[0.25, 0.25, 0.25, 0.25]])
    array([[3.]])
    """

    def inner(ordered: Array, upto: Array, share: Array) -> Array:
        part = np.clip(upto, 0.25, 0.75) - np.clip(upto - share, 0.25, 0.75)
        return 2 * (part @ ordered)

    return by_method(values, weights, inner)


def by_method(values: ArrayLike, weights: ArrayLike, aggregate: Callable[[Array, Array, Array], Array]) -> Array:
    """[resamples, methods]: aggregate(values in rising order [tasks], weight up to each, weight of each)."""
    table, weight = np.asarray(values, dtype=float), np.asarray(weights, dtype=float)
    found = []
    for own in table:
        order = np.argsort(own, kind="stable")
        share = weight[:, order]
        found.append(aggregate(own[order], np.cumsum(share, axis=1), share))
    return np.stack(found, axis=1)


AGGREGATES: dict[str, Callable[[ArrayLike, ArrayLike], Array]] = {
    "mean": weighted_mean,
    "median": weighted_median,
    "iqm": weighted_iqm,
}


def iqm(values: ArrayLike, splits: tuple[str, ...]) -> Array:
    """[methods, tasks] -> [methods]: the interquartile mean over tasks, each split weighing the same.

    >>> iqm([[0.1, 0.2, 0.4, 0.9]], ("a", "b", "c", "d")).round(3)
    array([0.3])
    """
    return np.asarray(weighted_iqm(values, equal_weights(splits)[None])[0])
