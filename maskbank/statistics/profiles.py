"""Performance profiles and the interquartile mean, of accuracies as a share of the unpruned model's."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from maskbank.errors import InputError
from maskbank.statistics.aggregates import weighted_iqm
from maskbank.statistics.crossed import Crossed
from maskbank.statistics.resampling import equal_weights, task_weights

Array = NDArray[np.float64]

PROFILE = ["method", "tau", "share", "low", "high"]
MIDDLE = ["method", "iqm", "low", "high"]
TAUS = tuple(round(0.5 + 0.01 * step, 2) for step in range(61))  # 0.5 to 1.1 of the unpruned accuracy


def relative(scores: Crossed, reference: str) -> Crossed:
    """Scores of all other methods divided by the reference's on the same task, its seeds averaged.

    A task on which the reference scores 0 has no share and is left out for all. InputError where it is no method of the
    scores: it was not run, or lacks cells.
    """
    if reference not in scores.methods:
        raise InputError(f"reference {reference or 'none'}: not among {', '.join(scores.methods) or 'no methods'}")
    base = scores.task_means[scores.methods.index(reference)]
    rest, whole = scores.only([name for name in scores.methods if name != reference]), base > 0
    return replace(
        rest,
        values=rest.values[:, whole] / base[whole][:, None],
        splits=tuple(split for split, kept in zip(scores.splits, whole, strict=True) if kept),
        tasks=tuple(task for task, kept in zip(scores.tasks, whole, strict=True) if kept),
    )


def reached(values: ArrayLike, taus: ArrayLike) -> Array:
    """[methods, tasks, seeds] and [taus] -> [methods, tasks, taus]: share of a task's seeds with a score of tau or more.

    >>> reached([[[0.8, 1.0]]], [0.5, 0.9, 1.1])
    array([[[1. , 0.5, 0. ]]])
    """
    scores, levels = np.asarray(values, dtype=float), np.asarray(taus, dtype=float)
    known = ~np.isnan(scores)
    passed = (scores[..., None] >= levels - 1e-9) & known[..., None]
    return np.asarray(passed.sum(axis=2) / known.sum(axis=2)[..., None])


def performance_profiles(
    scores: Crossed, resamples: int, generator: Generator, taus: tuple[float, ...] = TAUS
) -> pd.DataFrame:
    """One row a method and tau, with PROFILE: share of runs with a score of tau or more, and its pointwise 95 % band.

    Seeds weigh the same inside a task, tasks inside a split, splits all the same (Agarwal et al. 2021, their run-score
    distributions, weighted by split). The band is of the two-level bootstrap, NaN with fewer than two splits; `scores` are
    those of `relative`.
    """
    shares = reached(scores.values, taus)
    low = high = mean = np.full((len(scores.methods), len(taus)), np.nan)
    if scores.splits:
        mean = np.einsum("mtl,t->ml", shares, equal_weights(scores.splits))
    if len(set(scores.splits)) > 1:
        weights = task_weights(scores.splits, resamples, generator)
        low, high = np.stack([np.quantile(weights @ own, [0.025, 0.975], axis=0) for own in shares], axis=1)
    frame = pd.DataFrame(
        {"share": mean.ravel(), "low": low.ravel(), "high": high.ravel()},
        pd.MultiIndex.from_product([scores.methods, taus], names=["method", "tau"]),
    )
    return frame.reset_index()[PROFILE]


def middle_means(scores: Crossed, resamples: int, generator: Generator) -> pd.DataFrame:
    """One row a method, with MIDDLE: the interquartile mean over tasks (seeds averaged), and its 95 % bootstrap interval."""
    table = scores.task_means
    low = high = mean = np.full(len(scores.methods), np.nan)
    if scores.splits:
        mean = weighted_iqm(table, equal_weights(scores.splits)[None])[0]
    if len(set(scores.splits)) > 1:
        drawn = weighted_iqm(table, task_weights(scores.splits, resamples, generator))
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return pd.DataFrame({"method": scores.methods, "iqm": mean, "low": low, "high": high})[MIDDLE]
