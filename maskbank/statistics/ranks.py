"""Ranks of several methods over splits: Friedman's test with Iman and Davenport's F, and mean ranks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from maskbank.errors import InputError
from maskbank.statistics.paired import DECIMALS
from maskbank.statistics.transfer import BLOCK


@dataclass(frozen=True)
class Friedman:
    chi2: float
    f: float
    p: float


def score_table(rows: pd.DataFrame) -> pd.DataFrame:
    """[splits, methods]: mean accuracy of a setting; splits where a method lacks a point are left out."""
    points = rows.pivot_table(
        index="method", columns=[*BLOCK, "budget_asked", "steps"], values="accuracy", dropna=False, observed=True
    ).dropna(axis=1, how="all")
    whole = points.T.groupby(level="split").filter(lambda block: bool(block.notna().all(axis=None)))
    return whole.groupby(level=["split", "task"]).mean().groupby(level="split").mean()


def rank_rows(scores: ArrayLike) -> NDArray[np.float64]:
    """Ranks inside each row of scores [splits, methods]: 1 is the best, ties share the mean rank."""
    return np.asarray(stats.rankdata(-np.round(np.asarray(scores, dtype=float), DECIMALS), axis=1))


def friedman(scores: ArrayLike) -> Friedman:
    """Friedman's chi-squared with ties, and F of Iman and Davenport (1980), for scores [splits, methods] without gaps."""
    if np.isnan(np.asarray(scores, dtype=float)).any():
        raise InputError("scores: no gaps are allowed; leave incomplete splits out")
    ranks = rank_rows(scores)
    n, k = ranks.shape
    spread = ((ranks - (k + 1) / 2) ** 2).sum()
    if spread == 0:
        return Friedman(0.0, 0.0, 1.0)
    chi2 = n * (k - 1) * ((ranks.mean(axis=0) - (k + 1) / 2) ** 2).sum() * n / spread
    rest = n * (k - 1) - chi2
    f = float("inf") if rest <= 1e-9 else (n - 1) * chi2 / rest
    return Friedman(float(chi2), float(f), float(stats.f.sf(f, k - 1, (k - 1) * (n - 1))))


def mean_ranks(scores: ArrayLike, resamples: int, generator: Generator) -> NDArray[np.float64]:
    """[methods, 3]: mean rank over splits, and the 95 % bootstrap interval over splits."""
    ranks = rank_rows(scores)
    drawn = generator.integers(0, len(ranks), (resamples, len(ranks)))
    low, high = np.quantile(ranks[drawn].mean(axis=1), [0.025, 0.975], axis=0)
    return np.stack([ranks.mean(axis=0), low, high], axis=1)
