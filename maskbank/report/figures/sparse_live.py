"""How many parameters are live while a sparse model is trained: a group a setting, a small panel a method."""

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.facets import Line, facets
from maskbank.report.order import in_method_order, in_setup_order
from maskbank.report.run import Run
from maskbank.report.style import colour, label
from maskbank.report.venues import Venue
from maskbank.report.words import focus_words
from maskbank.statistics.sparse_arms import PARALLEL

ORDER = 200
TITLE = "Live parameters over training"
CAPTION = "Live parameters while training, of the dense model's: n = 1 training a method, the first seed; no interval, no test."
NOTES = (
    "Those of dense layers are counted. The number is the peak. P-GaP: the largest of the workers that run side by side, "
    "each of which holds a model of its own; thin lines are its workers. Optimizer state and activations are not counted."
)
ALT = "Small step plots of the share of live parameters over training, one a method."
SIZE = 1.15  # inches


def read(run: Run) -> pd.DataFrame:
    return in_setup_order(run.sparse.course[run.sparse.course.kind == "live"])


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    lines = []
    for _, group in data.groupby(["dataset", "backbone", "setup"], sort=False):
        parts = [group[group.method == name] for name in in_method_order(group)]
        lines.append(Line(focus_words(group), [(named(own), own) for own in parts], SIZE))
    xlabel = "training, in sequential steps (%)"
    return facets(venue, lines, panel, width=SIZE, most=7, share_x=True, xlabel=xlabel, ylabel="live (%)")


def named(rows: pd.DataFrame) -> str:
    """The method, and that its workers are missing where they are."""
    method = str(rows.method.iloc[0])
    return label(method) + (" (workers missing)" if method == PARALLEL and not (rows["round"] >= 0).any() else "")


def panel(axes: Axes, rows: pd.DataFrame) -> None:
    method, total = str(rows.method.iloc[0]), float(rows.sequential_steps.iloc[0])
    if method == PARALLEL:
        for _, own in rows.groupby(["round", "worker"], sort=True):
            axes.plot(*as_steps(own, total), color=colour(method), linewidth=0.6)
    x, level = as_steps(rows, total)
    axes.plot(x, level, color=colour(method), linewidth=1.3)
    axes.fill_between(x, 0, level, color=colour(method), alpha=0.25, lw=0)
    axes.annotate(f"{max(level):.0f}", (0.97, 0.97), xycoords="axes fraction", ha="right", va="top", fontsize="small")
    axes.set(xlim=(0, 100), xticks=[0, 50, 100], ylim=(0, 128), yticks=[0, 50, 100])


def as_steps(rows: pd.DataFrame, total: float) -> tuple[list[float], list[float]]:
    """x and y (percent) of a step line through spans; of spans side by side the largest."""
    edges = np.unique(np.concatenate([rows.start.to_numpy(float), rows.end.to_numpy(float)]))
    x, y = [], []
    for start, end in pairwise(edges):
        here = rows[(rows.start <= start) & (rows.end >= end)]
        if len(here):
            x += [100 * start / total, 100 * end / total]
            y += [100 * here.value.max()] * 2
    return x, y
