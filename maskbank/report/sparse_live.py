"""How many parameters are live while a sparse net is trained: GaP's argument about memory, as a measured course."""

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskbank.report.frames import Line, panel_lines
from maskbank.report.order import in_method_order, in_setup_order
from maskbank.report.style import Drawing, colour, label
from maskbank.report.venues import Venue
from maskbank.report.words import focus_words
from maskbank.statistics.sparse_curves import PARALLEL

ACROSS = 7
SIZE = (1.15, 1.15)  # inches


def live_figure(course: pd.DataFrame) -> Drawing:
    """From `course`: a group a data set, backbone and setup, a small panel a method."""
    data = in_setup_order(course[course.kind == "live"])

    def draw(venue: Venue) -> Figure:
        lines = [
            Line(focus_words(group), [(named(own), own) for own in by_method(group)], SIZE[1])
            for _, group in data.groupby(["dataset", "backbone", "setup"], sort=False)
        ]
        xlabel = "training, in steps in line (%)"
        return panel_lines(
            venue, lines, live_panel, width=SIZE[0], most=ACROSS, share_x=True, xlabel=xlabel, ylabel="live (%)"
        )

    caption = "Live parameters while training, of the dense net's: n = 1 training a method, the first seed; no interval, no test."
    notes = (
        "Those of dense layers are counted. The number is the peak. P-GaP: the largest of the workers that run side by side, "
        "each of which holds a net of its own; thin lines are its workers. Optimizer state and activations are not counted."
    )
    alt = "Small step plots of the share of live parameters over training, one a method."
    return Drawing("sparse_live", "Live parameters over training", caption, notes, alt, data, draw)


def by_method(group: pd.DataFrame) -> list[pd.DataFrame]:
    return [group[group.method == name] for name in in_method_order(group)]


def named(rows: pd.DataFrame) -> str:
    """The method, and that its workers are missing where they are."""
    method = str(rows.method.iloc[0])
    return label(method) + (" (workers missing)" if method == PARALLEL and not (rows["round"] >= 0).any() else "")


def live_panel(axes: Axes, rows: pd.DataFrame) -> None:
    method, total = str(rows.method.iloc[0]), float(rows.steps_in_line.iloc[0])
    if method == PARALLEL:
        for _, own in rows.groupby(["round", "worker"], sort=True):
            axes.plot(*as_steps(own, total), color=colour(method), linewidth=0.6)
    x, level = as_steps(rows, total)
    axes.plot(x, level, color=colour(method), linewidth=1.3)
    axes.fill_between(x, 0, level, color=colour(method), alpha=0.25, lw=0)
    axes.annotate(f"{max(level):.0f}", (0.97, 0.97), xycoords="axes fraction", ha="right", va="top", fontsize="small")
    axes.set_xlim(0, 100)
    axes.set_xticks([0, 50, 100])
    axes.set_ylim(0, 128)
    axes.set_yticks([0, 50, 100])


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
