"""Ranks of a board's methods, looked at in other ways: without a rival, by other aggregates, on halves of the splits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from maskbank.config import Compare
from maskbank.statistics.aggregates import AGGREGATES
from maskbank.statistics.contrast import generator_for
from maskbank.statistics.crossed import GAPS, WHOLE, Crossed, Design, cross
from maskbank.statistics.paired import DECIMALS, MIN_CLUSTERS
from maskbank.statistics.ranks import rank_rows
from maskbank.statistics.resampling import equal_weights, task_weights

Array = NDArray[np.float64]

MEAN, LEFT_OUT, CHANCE, HALVES = "mean over tasks", "failures left out", "failures at chance", "random halves"
AGGREGATE_VIEWS = {"mean": MEAN, "median": "median over tasks", "iqm": "IQM over tasks"}
HALVINGS = 1000
MOST_AT_ONCE = 2_000  # resamples whose weights are held together


@dataclass(frozen=True)
class RankView:
    """Ranks under one way of looking, 1 the best. `rank`, `low`, `high` are [methods]: of all tasks, and a 95 % interval.

    The interval is of ranks that occur: over bootstrap resamples, or over halves of the splits. It describes; what the
    tests support is said by the tie groups.
    """

    view: str
    methods: tuple[str, ...]
    rank: Array
    low: Array
    high: Array


def viewed(view: str, methods: Sequence[str], rank: Array, ranks: Array) -> RankView:
    """A view from the rank of all tasks [methods] and those of resamples [resamples, methods]."""
    low, high = np.quantile(ranks, [0.025, 0.975], axis=0, method="inverted_cdf")
    return RankView(view, tuple(methods), rank, low, high)


def aggregated(table: Array, splits: tuple[str, ...], resamples: int, generator: Generator) -> dict[str, Array]:
    """Each aggregate of table [methods, tasks]: [1 + resamples, methods], the first row with every task once."""
    found = {name: [aggregate(table, equal_weights(splits)[None])] for name, aggregate in AGGREGATES.items()}
    for first in range(0, resamples, MOST_AT_ONCE):
        weights = task_weights(splits, min(MOST_AT_ONCE, resamples - first), generator)
        for name, aggregate in AGGREGATES.items():
            found[name].append(aggregate(table, weights))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def without_each(methods: tuple[str, ...], means: Array) -> list[RankView]:
    """Views without each method in turn, from means [1 + resamples, methods]; none for fewer than three methods."""
    if len(methods) < 3:
        return []
    scores = np.round(means, DECIMALS)
    ranks, found = rank_rows(scores), []
    for index, name in enumerate(methods):
        gone = scores[:, [index]]
        left = np.delete(ranks - (gone > scores) - 0.5 * (gone == scores), index, axis=1)
        rest = [method for method in methods if method != name]
        found.append(viewed(f"without {name}", rest, left[0], left[1:]))
    return found


def halved(given: Crossed, generator: Generator) -> RankView:
    """Ranks on random halves of the splits: of which the smaller, where their number is odd."""
    clusters = given.clusters
    count = clusters.shape[1]
    chosen = np.argsort(generator.random((HALVINGS, count)), axis=1) < count // 2
    ranks = rank_rows((chosen / (count // 2)) @ clusters.T)
    return viewed(HALVES, given.methods, rank_rows(clusters.mean(axis=1)[None])[0], ranks)


def compared_to(given: Crossed, reference: str) -> Crossed:
    """Scores as differences to the reference, which is then no method; as they are where there is none."""
    return given.minus(reference) if reference in given.methods else given


def policy_views(given: Design, apart: Sequence[str], params: Compare, label: str) -> list[RankView]:
    """Ranks of all methods run at every point, also those with failed cells: left out, or counted as chance; else none."""
    names = [name for name in given.named(WHOLE, GAPS) if name not in apart]
    if len(names) < 2 or not set(names) & set(given.named(GAPS)):
        return []
    found = []
    for view, chance in ((LEFT_OUT, False), (CHANCE, True)):
        table = cross(given, names, chance=chance)
        if len(set(table.splits)) >= MIN_CLUSTERS:
            generator = generator_for(f"{label}/{view}", params.seed)
            means = aggregated(table.task_means, table.splits, params.resamples, generator)["mean"]
            ranks = rank_rows(means)
            found.append(viewed(view, names, ranks[0], ranks[1:]))
    return found


def rank_views(scores: Crossed, params: Compare, label: str) -> tuple[list[RankView], Array]:
    """(views of the ranked methods, their means [resamples, methods]) from scores as they are shown.

    Bootstrap over splits, then tasks; the same draws for all methods and aggregates. None with fewer than 6 splits:
    a bootstrap of so few is far too narrow.
    """
    if len(set(scores.splits)) < MIN_CLUSTERS or not scores.methods:
        return [], np.empty((0, len(scores.methods)))
    generator = generator_for(f"{label}/ranks", params.seed)
    found = aggregated(scores.task_means, scores.splits, params.resamples, generator)
    views = []
    for name, view in AGGREGATE_VIEWS.items():
        ranks = rank_rows(found[name])
        views.append(viewed(view, scores.methods, ranks[0], ranks[1:]))
    views += without_each(scores.methods, found["mean"])
    views.append(halved(scores, generator_for(f"{label}/{HALVES}", params.seed)))
    return views, found["mean"][1:]


def rank_sets(better: ArrayLike, worse: ArrayLike, count: int) -> tuple[Array, Array]:
    """(lowest, highest) rank [methods] that the tests leave open: better and worse [methods] count who differs.

    As the pairs are tested together, all these sets hold at once with the level of the tests (Mogstad et al. 2024).

    >>> rank_sets([0, 0, 2], [1, 1, 0], 3)
    (array([1., 1., 3.]), array([2., 2., 3.]))
    """
    return 1 + np.asarray(better, dtype=float), count - np.asarray(worse, dtype=float)
