"""Curves of transfer: a line of panels a setting, with a name in words, and one legend below."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskbank.report.frames import Line, panel_lines
from maskbank.report.settings import by_setting
from maskbank.report.style import colour, label, marker
from maskbank.report.venues import Venue

ROLES = ("method", "rival", "control", "reference")
DASHES: dict[str, Any] = {"reference": (0, (7, 2)), "control": (0, (2.2, 1.3))}
MANY = 6  # methods of a panel, above which only the method and the reference have bands
WIDTH, HEIGHT, TALL = 2.45, 2.1, 2.9  # inches; tall with many methods


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
    venue: Venue,
    data: pd.DataFrame,
    columns: str | Sequence[str],
    titled: Callable[..., str],
    draw: Callable[[Axes, pd.DataFrame], None],
) -> Figure:
    """A line of panels a setting, one a value of `columns` that it has; `draw` fills a panel, one legend stands below."""
    keys = [columns] if isinstance(columns, str) else list(columns)
    lines = [
        Line(
            title,
            [(titled(*value), own) for value, own in group.groupby(keys, sort=True)],
            TALL if group.method.nunique() > MANY else HEIGHT,
        )
        for title, group in by_setting(data)
    ]
    return panel_lines(venue, lines, draw, width=WIDTH, key=method_key(data), ylabel="accuracy (points)")


def method_key(data: pd.DataFrame, **others: Any) -> list[tuple[str, Line2D]]:
    """Names and marks of a legend; `others` replace what a line looks like."""
    return [(label(name), Line2D([], [], **look(name, role) | others)) for name, role in methods_of(data)]
