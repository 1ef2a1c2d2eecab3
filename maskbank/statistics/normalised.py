"""Scores normalised by the controls: a score of 0 is random units in the method's own layer widths, 1 the oracle's.

A task at a budget where the two ends do not differ significantly carries no information: it is named and excluded by rule, for
the normalised score alone.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from maskbank.statistics.crossed import REFERENCE, Design, task_name
from maskbank.statistics.effects import half_width

Array = NDArray[np.float64]

ZEROS = ("shuffled", "random")  # the first that was run in the setting
ONE = "oracle"
NOT_ABOVE, OVERLAP, NO_SPREAD, INCOMPLETE = (
    "the oracle is not above the control",
    "oracle and control lie within each other's interval",
    "one value a task: no interval",
    "cells of the oracle or the control are missing",
)
ENDS = ["split", "task", "budget_asked", "zero", "one", "half", "informative", "reason"]
SCORED = ["split", "task", "budget_asked", "method", "score"]


@dataclass(frozen=True)
class Normalised:
    """`ends` has a row a task and budget, with ENDS; `scores` a row a method, task and budget that informs, with SCORED.

    `reason` says why nothing can be normalised, else "".
    """

    zero: str
    one: str
    ends: pd.DataFrame
    scores: pd.DataFrame
    reason: str = ""

    @property
    def excluded(self) -> list[str]:
        """`s0/t1 keep 0.1: ...` for each task and budget that carries no information."""
        rest = self.ends[~self.ends.informative.astype(bool)]
        return [
            f"{task_name(row.split, row.task)} keep {row.budget_asked:g}: {row.reason}" for row in rest.itertuples()
        ]


def normalised_scores(given: Design) -> Normalised:
    """Control-normalised scores of a setting, at the budgets at which both ends were run.

    Oracle minus control is paired by seed and point (T). Its spread is what is left after the means of tasks and points,
    pooled over tasks, so that a task of one seed has an interval too; a task informs where its 95 % t-interval lies above
    0. That is our reading of "within each other's interval": of values that are paired, and rise together with T.
    """
    ran = [name for name in ZEROS if name in given.scores.arms]
    zero = ran[0] if ran else ZEROS[-1]
    points = given.scores.points
    shared = given.scores.ran(zero, ONE)
    none = Normalised(zero, ONE, pd.DataFrame(columns=ENDS), pd.DataFrame(columns=SCORED))
    if not shared.any():
        return Normalised(
            zero, ONE, none.ends, none.scores, f"{ONE} and {' or '.join(ZEROS)} were not run at one point"
        )
    ends, scores = [], []
    for budget in sorted(points[shared].budget_asked.unique()):
        at = shared & (points.budget_asked == budget).to_numpy()
        own = ends_at(given, at, zero).assign(budget_asked=budget)
        ends.append(own)
        scores.append(normalised_at(given, at, own).assign(budget_asked=budget))
    return Normalised(zero, ONE, pd.concat(ends, ignore_index=True)[ENDS], pd.concat(scores, ignore_index=True)[SCORED])


def task_means(given: Design, values: Array, blocks: NDArray[np.bool_]) -> Array:
    """Values [blocks, points] of the chosen blocks [blocks] -> [tasks]: NaN where one is missing, or there is none."""
    index, count = given.task_index[blocks], len(given.tasks)
    sums = np.bincount(index, values[blocks].sum(axis=1), minlength=count)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(sums / (np.bincount(index, minlength=count) * values.shape[1]))


def ends_at(given: Design, at: NDArray[np.bool_], zero: str) -> pd.DataFrame:
    """The two ends of each task over the chosen points [points], and whether it informs, by the seeds that both have."""
    scores, index, tasks = given.scores, given.task_index, given.tasks
    low, high = (scores.values[scores.arms.index(name)][:, at] for name in (zero, ONE))
    shared = scores.expected(zero) & scores.expected(ONE)
    gaps = high - low
    mean = task_means(given, gaps, shared)
    rest = (gaps - mean[index][:, None])[shared & ~np.isnan(mean)[index]]
    kept = int((~np.isnan(mean)).sum())
    df = rest.size - kept - (rest.shape[1] - 1)
    half = np.full(len(tasks), np.nan)
    if df > 0:
        sd = np.sqrt(((rest - rest.mean(axis=0)) ** 2).sum() / df)
        half = stats.t.ppf(0.975, df) * sd / np.sqrt(np.bincount(index, shared, len(tasks)) * gaps.shape[1])
    informative = mean - half > 0
    reason = np.select(
        [np.isnan(mean), mean <= 0, np.isnan(half), ~informative], [INCOMPLETE, NOT_ABOVE, NO_SPREAD, OVERLAP], ""
    )
    ends = [task_means(given, own, scores.expected(name)) for own, name in ((low, zero), (high, ONE))]
    return tasks.assign(zero=ends[0], one=ends[1], half=half, informative=informative, reason=reason)


def normalised_at(given: Design, at: NDArray[np.bool_], ends: pd.DataFrame) -> pd.DataFrame:
    """(score - control) / (oracle - control) of each method at the chosen points, on the tasks that inform."""
    tasks, informs = given.tasks, ends.informative.to_numpy(bool)
    found = [pd.DataFrame(columns=["split", "task", "method", "score"])]
    for position, name in enumerate(given.scores.arms):
        if given.roles[name] != REFERENCE and given.scores.count[position][:, at].any(axis=0).all():
            mean = task_means(given, given.scores.values[position][:, at], given.scores.expected(name))
            with np.errstate(divide="ignore", invalid="ignore"):
                score = ((mean - ends.zero) / (ends.one - ends.zero)).to_numpy()
            found.append(tasks[informs].assign(method=name, score=score[informs]))
    return pd.concat([frame for frame in found if len(frame)] or found[:1], ignore_index=True)


def normalised_means(given: Normalised) -> pd.DataFrame:
    """One row a method: `normalised` (mean over budgets, tasks, then splits), its 95 % t-interval over splits, and `n` splits.

    Tasks in which the method lacks a cell are left out of its own mean.
    """
    found = []
    for method, rows in given.scores.dropna(subset="score").groupby("method", sort=True):
        splits = rows.groupby(["split", "task"]).score.mean().groupby("split").mean().to_numpy(float)
        mean, half = float(splits.mean()), half_width(float(splits.std(ddof=1)) if len(splits) > 1 else 0, len(splits))
        found.append({"method": method, "normalised": mean, "low": mean - half, "high": mean + half, "n": len(splits)})
    return pd.DataFrame(found, columns=["method", "normalised", "low", "high", "n"])
