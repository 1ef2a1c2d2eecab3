"""How many parameters are live while a sparse net is trained: GaP's argument about memory, as a measured course."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskbank.report.sparse_words import how_words, in_method_order, in_setup_order, removed, task_words
from maskbank.report.style import Drawing, colour, empty_panel, house_style, label
from maskbank.statistics.sparse_curves import PARALLEL

NOTHING = "no sparse training has a curve of live weights"
ACROSS = 7
SIZE = (1.35, 1.2)  # inches


def live_figure(course: pd.DataFrame) -> Drawing:
    """From `course`: a group a data set, backbone and setup, a small panel a method."""
    data = in_setup_order(course[course.kind == "live"])
    groups = [group for _, group in data.groupby(["dataset", "backbone", "setup"], sort=False)]
    heights = [SIZE[1] * -(-group.method.nunique() // ACROSS) + 0.45 for group in groups]
    across = min(max((group.method.nunique() for group in groups), default=1), ACROSS)
    with house_style():
        figure = Figure(
            figsize=(max(SIZE[0] * across + 0.4, 5.0), sum(heights) if groups else 2.6), layout="constrained"
        )
        if not groups:
            empty_panel(figure, NOTHING)
        parts: Any = figure.subfigures(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0] if groups else []
        for part, group in zip(parts, groups, strict=True):
            sparse = group.sort_values("role", key=lambda role: role == "reference", kind="stable").iloc[0]
            title = f"{task_words(sparse)}: {how_words(sparse)}, {removed(sparse.budget_asked)} removed"
            part.suptitle(title, x=0.01, ha="left", fontsize=9, fontweight="bold")
            names = in_method_order(group)
            grid = part.subplots(-(-len(names) // across), across, squeeze=False, sharex=True, sharey=True)
            for axes, name in zip(grid.flat, names, strict=False):
                live_panel(axes, group[group.method == name], name)
            for axes in list(grid.flat)[len(names) :]:
                axes.set_axis_off()
            grid[0, 0].set_ylim(0, 128)
            grid[0, 0].set_yticks([0, 50, 100])
            grid[0, 0].set_xticks([0, 50, 100])
            part.supxlabel("training, in steps in line (%)", fontsize=8)
            part.supylabel("live (%)", fontsize=8)
    caption = (
        "Live parameters while training, those of dense layers counted, of all parameters of the dense net: one training a "
        "method, the first seed. The number is the peak. P-GaP: the largest of the workers that run side by side, each of which "
        "holds a net of its own; thin lines are its workers. Optimizer state and activations are not counted."
    )
    alt = "Small step plots of the share of live parameters over training, one a method."
    return Drawing("sparse_live", "Live parameters over training", caption, alt, data, figure)


def live_panel(axes: Axes, rows: pd.DataFrame, method: str) -> None:
    total = float(rows.steps_in_line.iloc[0])
    if method == PARALLEL:
        for _, own in rows.groupby(["round", "worker"], sort=True):
            axes.plot(*as_steps(own, total), color=colour(method), linewidth=0.6)
    x, level = as_steps(rows, total)
    axes.plot(x, level, color=colour(method), linewidth=1.3)
    axes.fill_between(x, 0, level, color=colour(method), alpha=0.25, lw=0)
    alone = method == PARALLEL and not (rows["round"] >= 0).any()
    axes.set_title(label(method) + (" (workers missing)" if alone else ""), fontsize=6 if alone else 7.5)
    axes.annotate(f"{max(level):.0f}", (0.97, 0.97), xycoords="axes fraction", ha="right", va="top", fontsize=6.5)
    axes.set_xlim(0, 100)
    axes.tick_params(labelsize=6.5)


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
