"""Variance components of paired differences: split, task inside split, seed inside task, and what is left over points."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskbank.errors import InputError
from maskbank.statistics.crossed import Design
from maskbank.statistics.transfer import BLOCK

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Sizes:
    """A design: splits, tasks a split, seeds a task, points (budgets and T) a seed."""

    splits: int
    tasks: int
    seeds: int
    points: int = 1


@dataclass(frozen=True)
class Components:
    """Variances of single values. NaN where the design cannot tell a level from the one above, which then holds both."""

    split: float
    task: float
    seed: float
    residual: float

    def of_split(self, tasks: int, seeds: int, points: int = 1) -> float:
        """Variance of the mean of one split, with so many tasks a split, seeds a task and points a seed."""
        counts = (1, tasks, tasks * seeds, tasks * seeds * points)
        return float(np.nansum([part / count for part, count in zip(astuple(self), counts, strict=True)]))


def nested_components(values: ArrayLike, levels: Sequence[ArrayLike]) -> Array:
    """[columns, levels + 1]: variance components of values [observations, columns], the last within the finest level.

    `levels` are labels [observations] from coarse to fine, each nested in the one before. Method of moments: the
    sums of squares of a nested analysis of variance are set equal to their expectations, from the finest level up, for
    unequal numbers too (Searle, Casella and McCulloch 1992, chapter 3); a negative estimate becomes 0 before the next
    is taken. NaN where a level has one member in each unit of the level above, or there is one value in all.

    >>> nested_components([[1.0], [3.0], [6.0], [8.0]], [[0, 0, 1, 1]])
    array([[11.5,  2. ]])
    """
    table = np.asarray(values, dtype=float)
    table = table[:, None] if table.ndim == 1 else table
    if np.isnan(table).any():
        raise InputError("values: no gaps are allowed; leave incomplete blocks out")
    count = len(table)
    labels = [np.zeros(count, dtype=int)]
    for level in levels:
        nested = np.stack([labels[-1], np.unique(np.asarray(level), return_inverse=True)[1]])
        labels.append(np.unique(nested, axis=1, return_inverse=True)[1].ravel())
    labels.append(np.arange(count))
    sizes = [np.bincount(label) for label in labels]
    totals = [grouped(table, label) / size[:, None] for label, size in zip(labels, sizes, strict=True)]
    squares = [(total**2 * size[:, None]).sum(axis=0) for total, size in zip(totals, sizes, strict=True)]
    units = list(zip(labels, sizes, strict=True))
    shares = np.array([[spread(*inner, *outer) for inner in units] for outer in units])
    found = np.full((table.shape[1], len(labels)), np.nan)
    for level in range(len(labels) - 1, 0, -1):
        if len(sizes[level]) == len(sizes[level - 1]):
            continue
        held = shares[level] - shares[level - 1]
        finer = np.nansum(found[:, level + 1 :] * held[level + 1 :], axis=1)
        found[:, level] = np.maximum((squares[level] - squares[level - 1] - finer) / held[level], 0)
    return found[:, 1:]


def grouped(values: Array, label: NDArray[np.int_]) -> Array:
    """[observations, columns] -> [units, columns]: sums."""
    if not len(label):
        return values
    order = np.argsort(label, kind="stable")
    starts = np.searchsorted(label[order], np.arange(label.max() + 1))
    return np.asarray(np.add.reduceat(values[order], starts, axis=0))


def spread(
    inner: NDArray[np.int_], inner_size: NDArray[np.int_], outer: NDArray[np.int_], outer_size: NDArray[np.int_]
) -> float:
    """How much a unit variance at the level `inner` adds to the sum over units of `outer` of size x mean squared."""
    pairs, counts = np.unique(np.stack([outer, inner]), axis=1, return_counts=True)
    return float((counts**2 / outer_size[pairs[0]]).sum())


def pair_components(given: Design, pairs: Sequence[tuple[str, str]]) -> list[Components]:
    """Components of each pair's differences, in accuracies squared, of methods that are whole.

    A seed is a (pretrain_seed, seed); those that only some of the methods have are left out. Points are a fixed grid: the
    residual is how seeds depart from the points' means, and what it adds to the mean over points is taken off the finest
    level that can be estimated.
    """
    none = Components(*[float("nan")] * 4)
    if not pairs:
        return []
    left, right = ([given.scores.arms.index(name) for name in side] for side in zip(*pairs, strict=True))
    shared = np.all([given.scores.own(given.scores.arms[arm]) for arm in {*left, *right}], axis=0)
    scores = given.scores.among(shared)
    blocks, points = len(scores.blocks), len(scores.points)
    if not blocks or not points:
        return [none for _ in pairs]
    gaps = scores.values[left] - scores.values[right]
    levels = [scores.blocks.groupby(keys, sort=True).ngroup().to_numpy() for keys in (BLOCK[:1], BLOCK[:2])]
    found = np.full((len(pairs), 4), np.nan)
    found[:, :3] = nested_components(gaps.mean(axis=2).T, levels)
    if points > 1 and blocks > 1:
        rest = gaps - gaps.mean(axis=1, keepdims=True) - gaps.mean(axis=2, keepdims=True)
        rest += gaps.mean(axis=(1, 2), keepdims=True)
        found[:, 3] = (rest**2).sum(axis=(1, 2)) / ((blocks - 1) * (points - 1))
        told = np.flatnonzero(~np.isnan(found[0, :3]))
        found[:, told[-1]] = np.maximum(found[:, told[-1]] - found[:, 3] / points, 0)
    return [Components(*map(float, row)) for row in found]


def sizes_of(given: Design) -> Sizes:
    """The design as it is; tasks a split and seeds a task are rounded means."""
    blocks = given.scores.blocks
    splits, tasks = blocks.split.nunique(), len(blocks[BLOCK[:2]].drop_duplicates())
    seeds = np.mean([given.scores.own(name).sum() for name in given.scores.arms] or [0]) / max(tasks, 1)
    return Sizes(int(splits), round(tasks / max(splits, 1)), round(seeds), len(given.scores.points))
