"""The two-level bootstrap of many methods at once: every method sees the same draws, so ranks are resampled jointly.

A resample is a table of weights over tasks. Means of all methods are then one matrix product, and so is anything else
that is linear in the tasks; what is not (median, IQM) takes the weights themselves (`maskbank.statistics.aggregates`).
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from maskbank.errors import InputError
from maskbank.statistics.paired import DECIMALS

Array = NDArray[np.float64]
Counts = NDArray[np.int_]

DRAWS_AT_ONCE = 1 << 19  # of the finest level: some megabytes, whatever the number of resamples
MOST_COMMON = 1 << 40


def cluster_sizes(splits: tuple[str, ...]) -> tuple[Counts, Counts]:
    """Tasks by split: ([tasks] the tasks in the order of their splits, [splits] the tasks of each)."""
    _, index = np.unique(np.asarray(splits, dtype=str), return_inverse=True)
    return np.argsort(index, kind="stable"), np.bincount(index)


def split_means(values: ArrayLike, splits: tuple[str, ...]) -> Array:
    """[..., tasks] -> [..., splits]: the mean over the tasks of each split, splits in sorted order.

    >>> split_means([[1.0, 3.0, 10.0]], ("a", "a", "b"))
    array([[ 2., 10.]])
    """
    order, sizes = cluster_sizes(splits)
    starts = np.cumsum(sizes) - sizes
    return np.asarray(np.add.reduceat(np.asarray(values, dtype=float)[..., order], starts, axis=-1) / sizes)


def picked(sizes: Counts, starts: Counts, slots: Counts, generator: Generator) -> tuple[Counts, NDArray[np.bool_]]:
    """Draw with replacement inside each drawn unit: (members [..., widest], which of them count).

    `slots` [...] are drawn units; unit u has the members starts[u] to starts[u] + sizes[u] - 1, and as many are drawn.
    """
    own = sizes[slots][..., None]
    members = (generator.random((*slots.shape, int(sizes.max()))) * own).astype(int)
    members += starts[slots][..., None]
    return members, np.arange(int(sizes.max())) < own


def draw_counts(levels: list[Counts], resamples: int, generator: Generator) -> Iterator[Counts]:
    """Chunks [resamples, leaves]: how often each leaf is drawn.

    `levels` are the sizes of the units from the top down: [tasks of each split], then [seeds of each task] if seeds are
    drawn too. Units of the top level are drawn with replacement, then at each level as many members of each drawn unit
    as it has, with replacement, anew each time that the unit is drawn.
    """
    top = len(levels[0])
    starts = [np.cumsum(sizes) - sizes for sizes in levels]
    drawn = generator.integers(0, top, (resamples, top))
    leaves, rows = int(levels[-1].sum()), max(1, DRAWS_AT_ONCE // math.prod([top, *(int(s.max()) for s in levels)]))
    for first in range(0, resamples, rows):
        slots = drawn[first : first + rows]
        place = np.arange(len(slots)).reshape(-1, *(1 for _ in slots.shape[1:])) * leaves
        used = np.ones(slots.shape, dtype=bool)
        for sizes, start in zip(levels, starts, strict=True):
            slots, inside = picked(sizes, start, slots, generator)
            used, place = used[..., None] & inside, place[..., None]
        flat = (slots + place)[used] if not used.all() else (slots + place).ravel()
        yield np.bincount(flat, minlength=len(drawn[first : first + rows]) * leaves).reshape(-1, leaves)


def resampled_means(
    values: ArrayLike, splits: tuple[str, ...], resamples: int, generator: Generator, *, seeds: bool = False
) -> Array:
    """[resamples, methods]: means of values [methods, tasks, seeds] under the same draws for all methods.

    Splits are drawn with replacement, then tasks inside each drawn split. Every split weighs the same, whatever its
    number of tasks. Field and Welsh (2007), the randomised cluster bootstrap with resampling at both levels. With
    `seeds`, the seeds inside each drawn task are drawn with replacement too; without, they are averaged first. NaN stands
    where a task has fewer seeds than another, and has to stand there for all methods: anything else is an InputError.
    Deterministic given the generator, and the same whatever memory there is.

    >>> values = np.array([[[0.5], [0.7]], [[0.4], [0.6]]])  # two methods, two tasks, one seed
    >>> means = resampled_means(values, ("a", "b"), 1000, np.random.default_rng(0))
    >>> means.shape, bool((means[:, 0] > means[:, 1]).all())
    ((1000, 2), True)
    """
    table = np.asarray(values, dtype=float)
    known = ~np.isnan(table)
    if table.ndim != 3 or table.shape[1] != len(splits):
        raise InputError(f"values of shape {table.shape}: give [methods, tasks, seeds] with {len(splits)} tasks")
    if not known.any(axis=2).all() or (known != known[:1]).any():
        raise InputError("values: every method needs the same seeds of the same tasks; leave incomplete ones out")
    order, sizes = cluster_sizes(splits)
    if seeds:
        levels, leaves = [sizes, known[0, order].sum(axis=1)], table[:, order][:, known[0, order]]
    else:
        levels, leaves = [sizes], np.nanmean(table, axis=2)[:, order]
    shares, whole = leaf_shares(levels)
    scaled = (leaves * shares).T
    return np.concatenate([counts @ scaled for counts in draw_counts(levels, resamples, generator)]) / whole


def leaf_shares(levels: list[Counts]) -> tuple[Array, int]:
    """([leaves] what one draw of a leaf counts, what all draws of a resample count together).

    Whole numbers where they stay small, so that the mean of equal values is that value exactly.
    """
    members = np.ones(len(levels[0]), dtype=int)
    for sizes in levels:
        members = (members * sizes).repeat(sizes)
    common = math.lcm(*(int(count) for count in np.unique(members)))
    if common > MOST_COMMON:
        return 1 / members, len(levels[0])
    return common / members, common * len(levels[0])


def task_weights(splits: tuple[str, ...], resamples: int, generator: Generator) -> Array:
    """[resamples, tasks]: the weight of each task in each resample; each row sums to 1. The draws of `resampled_means`.

    >>> task_weights(("a", "a", "b"), 4, np.random.default_rng(0)).sum(axis=1)
    array([1., 1., 1., 1.])
    """
    order, sizes = cluster_sizes(splits)
    shares, whole = leaf_shares([sizes])
    weights = np.empty((resamples, len(splits)))
    weights[:, order] = np.concatenate(list(draw_counts([sizes], resamples, generator))) * (shares / whole)
    return weights


def equal_weights(splits: tuple[str, ...]) -> Array:
    """[tasks]: each split weighs the same, and each task of a split."""
    _, index, counts = np.unique(np.asarray(splits, dtype=str), return_inverse=True, return_counts=True)
    return np.asarray(1 / (len(counts) * counts[index]))


def first_shares(means: ArrayLike) -> Array:
    """[resamples, methods] -> [methods]: the share of resamples in which each is first; ties for it are shared.

    >>> first_shares([[0.9, 0.5], [0.7, 0.7]])
    array([0.75, 0.25])
    """
    rounded = np.round(np.asarray(means, dtype=float), DECIMALS)
    best = rounded == rounded.max(axis=-1, keepdims=True)
    return np.asarray((best / best.sum(axis=-1, keepdims=True)).mean(axis=0))
