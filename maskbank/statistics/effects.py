"""Effect sizes of paired differences, with cluster-aware intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import stats

from maskbank.statistics.paired import DECIMALS
from maskbank.statistics.resampling import resampled_means
from maskbank.statistics.scores import Pairs, cluster_means

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tally:
    """Splits won, tied and lost."""

    wins: int
    ties: int
    losses: int


def tally(clusters: Array) -> Tally:
    """Count the signs of cluster differences [splits], rounded as the test rounds them."""
    signs = np.sign(np.round(clusters, DECIMALS))
    return Tally(int((signs > 0).sum()), int((signs == 0).sum()), int((signs < 0).sum()))


def bootstrap_means(values: Array, splits: tuple[str, ...], resamples: int, generator: Generator) -> Array:
    """[resamples]: means of values [tasks] after drawing splits with replacement, then tasks inside each drawn split.

    One method of `resampled_means`, where the bootstrap is described.
    """
    return resampled_means(np.asarray(values)[None, :, None], splits, resamples, generator)[:, 0]


def interval(
    values: Array, splits: tuple[str, ...], resamples: int, generator: Generator, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the mean of values [tasks]; NaN with fewer than two splits."""
    if len(set(splits)) < 2:
        return np.nan, np.nan
    means = bootstrap_means(values, splits, resamples, generator)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def half_width(sd: float, n: int) -> float:
    """Half of the 95 % t-interval of a mean over n units; NaN below 2."""
    return float(stats.t.ppf(0.975, n - 1) * sd / np.sqrt(n)) if n > 1 else float("nan")


def improvements(pairs: Pairs) -> Array:
    """[splits]: P(left > right) + P(equal) / 2 over all pairs of seeds inside a task, averaged over the tasks of a split."""
    gaps = np.round(pairs.left[:, :, None] - pairs.right[:, None, :], DECIMALS)
    won = np.where(np.isnan(gaps), np.nan, (gaps > 0) + 0.5 * (gaps == 0))
    return cluster_means(np.nanmean(won, axis=(1, 2)), pairs.splits)


def probability_of_improvement(pairs: Pairs) -> float:
    """P(left > right) + P(equal) / 2 over all pairs of seeds inside a task, averaged over tasks, then splits.

    Agarwal et al. (2021), with tasks weighted by split. With one seed a task it is the share of tasks won.
    """
    return float(np.mean(improvements(pairs)))


def improvement_interval(values: Array) -> tuple[float, float]:
    """95 % t-interval of the mean of `improvements` [splits], inside 0 to 1.

    NaN below 2 splits, and where all splits agree: their spread then says nothing.
    """
    sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    if sd == 0:
        return np.nan, np.nan
    mean, half = float(values.mean()), half_width(sd, len(values))
    return max(mean - half, 0.0), min(mean + half, 1.0)
