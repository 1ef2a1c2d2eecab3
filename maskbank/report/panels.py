"""Panels shared by figures: a line of panels a setting, with a name in words, and one legend below."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskbank.report.settings import by_setting
from maskbank.report.style import colour, empty_panel, label, marker

NO_TRANSFER = "no transfer cell has an accuracy"
ROLES = ("method", "rival", "control", "reference")
DASHES: dict[str, Any] = {"reference": (0, (7, 2)), "control": (0, (2.2, 1.3))}
MANY = 6  # methods of a panel, above which only the method and the reference have bands
HEIGHT, TALL, LEGEND_LINE = 2.3, 3.1, 0.19  # inches; tall with many methods


def methods_of(data: pd.DataFrame) -> list[tuple[str, str]]:
    """(method, role) in the order of legends: by role, then by name as shown."""
    pairs = set(zip(data.method, data.role, strict=True))
    return sorted(pairs, key=lambda pair: (ROLES.index(pair[1]), label(pair[0]).lower()))


def look(method: str, role: str) -> dict[str, Any]:
    """How a method's line is drawn: the method above all, controls in short dashes, the reference in long ones."""
    return {
        "color": colour(method),
        "marker": marker(method),
        "markersize": 5 if role == "method" else 3.8,
        "linewidth": 2.2 if role == "method" else 1.2,
        "linestyle": DASHES.get(role, "-"),
        "zorder": 2.2 + 0.1 * (len(ROLES) - ROLES.index(role)),
    }


def draw_curves(axes: Axes, group: pd.DataFrame, x: str) -> None:
    """One line a method over column x, with 95 % intervals: of all, or among many of the method and the reference."""
    many = group.method.nunique() > MANY
    for method, role in methods_of(group)[::-1]:
        own = group[group.method == method].sort_values(x)
        level, width = 100 * own.accuracy, 100 * own.half_width.fillna(0)
        axes.plot(own[x], level, **look(method, role))
        if len(own) > 1 and (not many or role in ("method", "reference")):
            axes.fill_between(own[x], level - width, level + width, color=colour(method), alpha=0.13, lw=0)


def panel_grid(
    data: pd.DataFrame,
    columns: str | Sequence[str],
    titled: Callable[..., str],
    draw: Callable[[Axes, pd.DataFrame], None],
) -> Figure:
    """A line of panels a setting, one a value of `columns` that it has; `draw` fills a panel, one legend stands below."""
    lines = by_setting(data)
    keys = [columns] if isinstance(columns, str) else list(columns)
    cells = [list(group.groupby(keys, sort=True)) for _, group in lines]
    across = max((len(row) for row in cells), default=1)
    width = max(2.45 * across + 0.45, 6.0)
    names = methods_of(data)
    ncols, rows = legend_shape([label(name) for name, _ in names], width)
    heights = [TALL if group.method.nunique() > MANY else HEIGHT for _, group in lines]
    heights.append(LEGEND_LINE * rows + 0.12)
    figure = Figure(figsize=(width, sum(heights) if lines else 2.6), layout="constrained")
    if not lines:
        empty_panel(figure, NO_TRANSFER)
        return figure
    *parts, last = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (title, _), row in zip(parts, lines, cells, strict=True):
        part.suptitle(title, x=0.01, ha="left", fontsize=9, fontweight="bold")
        panels = part.subplots(1, across, squeeze=False, sharey="row")[0]
        for axes, (value, group) in zip(panels, row, strict=False):
            draw(axes, group)
            axes.set_title(titled(*value))
        for axes in panels[len(row) :]:
            axes.set_axis_off()
        panels[0].set_ylabel("accuracy (points)")
    handles = [Line2D([], [], **look(*name)) for name in names]
    last.legend(
        handles, [label(name) for name, _ in names], loc="center", ncols=ncols, handlelength=2.6, columnspacing=1.2,
        labelspacing=0.3,
    )  # fmt: skip
    return figure


def legend_shape(names: list[str], width: float) -> tuple[int, int]:
    """Columns and rows of a legend that fits the width in inches."""
    longest = max(map(len, names), default=1)
    columns = int(np.clip(width / (0.072 * longest + 0.55), 1, max(len(names), 1)))
    return columns, -(-len(names) // columns)
