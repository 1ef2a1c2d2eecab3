"""Panels of transfer: lines of panels a setting, in each a curve a method, and one legend below."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from maskbank.report.facets import Line, facets
from maskbank.report.marks import Interval, Numbers, curve, intervals, ticks
from maskbank.report.settings import by_setting
from maskbank.report.style import label, look
from maskbank.report.venues import Venue

ROLES = ("method", "rival", "control", "reference")
DASHES: dict[str, Any] = {"reference": (0, (7, 2)), "control": (0, (2.2, 1.3))}
MANY = 6  # methods of a panel, above which only the method and the reference have bands
WIDTH, HEIGHT, TALL = 2.45, 2.1, 2.9  # inches; tall with many methods
FOREST_ROW, FOREST_WIDTH = 0.24, 3.6  # inches of a row of a forest plot, and of a panel
BANDS = (
    "Where a panel has more than 6 methods, bands are of the method and the reference alone. Short dashes: controls."
)
COUNTED = "points are means over n = {n} splits, bands and bars 95 % t-intervals; no test."
HOLLOW = "Hollow: no test, as blocks are incomplete or splits fewer than 6."
DESCRIBED = "These contrasts describe: p is of each test alone, corrected for nothing, and no claim rests on it."
PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def methods_of(data: pd.DataFrame) -> list[tuple[str, str]]:
    """(method, role) in the order of legends: by role, then by name as shown."""
    pairs = set(zip(data.method, data.role, strict=True))
    return sorted(pairs, key=lambda pair: (ROLES.index(pair[1]), label(pair[0]).lower()))


def line_look(method: str, role: str) -> dict[str, Any]:
    """How a method's line is drawn: the method above all, controls in short dashes, the reference in long ones."""
    first = role == "method"
    return look(
        method, markersize=5 if first else 3.8, linewidth=2.2 if first else 1.2, linestyle=DASHES.get(role, "-"),
        zorder=2.2 + 0.1 * (len(ROLES) - ROLES.index(role)),
    )  # fmt: skip


def method_curves(axes: Axes, group: pd.DataFrame, x: str) -> None:
    """One line a method over column x, with 95 % intervals: of all, or among many of the method and the reference."""
    many = group.method.nunique() > MANY
    for method, role in methods_of(group)[::-1]:
        own = group[group.method == method].sort_values(x)
        y, width = 100 * own.accuracy, 100 * own.half_width.fillna(0)
        banded = len(own) > 1 and (not many or role in ("method", "reference"))
        curve(axes, own[x], y, line_look(method, role), *((y - width, y + width) if banded else ()))


def transfer_grid(
    venue: Venue, data: pd.DataFrame, column: str, titled: str, draw: Callable[[Axes, pd.DataFrame], None]
) -> Canvas:
    """A line of panels a setting, one a value of `column` that it has under `titled`; `draw` fills a panel."""
    lines = [
        Line(
            title,
            [(titled.format(value), own) for value, own in group.groupby(column, sort=True)],
            TALL if group.method.nunique() > MANY else HEIGHT,
        )
        for title, group in by_setting(data)
    ]
    return facets(venue, lines, draw, width=WIDTH, key=method_key(data), ylabel="accuracy (points)")


def method_key(data: pd.DataFrame, **others: Any) -> list[tuple[str, Line2D]]:
    """Names and marks of a legend; `others` replace what a line looks like."""
    return [(label(name), Line2D([], [], **line_look(name, role) | others)) for name, role in methods_of(data)]


def forest(
    venue: Venue, data: pd.DataFrame, by: str, mark: Callable[[dict[Any, Any]], Interval], xlabel: str, *,
    row: float = FOREST_ROW, key: Sequence[tuple[str, Line2D]] = (), limits: tuple[float, float] | None = None, **others: Any,
) -> Canvas:  # fmt: skip
    """A panel a setting with a row a name of column `by`, a mark a row of data; names side by side are the same."""
    runs: list[tuple[list[str], list[tuple[str, pd.DataFrame]]]] = []
    for title, group in by_setting(data):
        names = list(dict.fromkeys(group[by]))
        if not runs or runs[-1][0] != names:
            runs.append((names, []))
        runs[-1][1].append((title, group))
    lines = [Line("", panels, row * max(len(names), 2) + 0.7) for names, panels in runs]

    def panel(axes: Axes, group: pd.DataFrame) -> None:
        marks = [mark(each) for each in group.to_dict("records")]
        intervals(axes, marks, list(dict.fromkeys(group[by])), **others)
        if limits:
            axes.set_xlim(*limits)

    return facets(venue, lines, panel, width=FOREST_WIDTH, most=3, share_x=True, xlabel=xlabel, key=key)


def in_points(row: dict[Any, Any]) -> tuple[float, float, float]:
    """A difference and the ends of its interval, in points."""
    return 100 * row["difference"], 100 * row["ci_low"], 100 * row["ci_high"]


def cost_axis(axes: Axes, costs: Numbers) -> None:
    """Logarithmic, linear from 0 to the smallest positive cost where a cost is 0."""
    costs = np.asarray(costs, dtype=float)
    positive = costs[costs > 0]
    first, last = (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 1.0)
    zero = bool((costs == 0).any())
    if zero:
        axes.set_xscale("symlog", linthresh=first, linscale=0.5)
        axes.set_xlim(-0.25 * first, 1.4 * last)
    else:
        axes.set_xscale("log")
        axes.set_xlim(first / 1.3, last * 1.3)
    ticks(axes.xaxis, [0.0] * zero + round_costs(first, last), short)


def round_costs(first: float, last: float) -> list[float]:
    """Round numbers from first to last: 1, 2, 5, or 1, 3, or 1 of every decade, or of every other."""
    decades = np.log10(last / first)
    digits = (1, 2, 5) if decades < 1.3 else (1, 3) if decades < 2.2 else (1,)
    powers = range(int(np.floor(np.log10(first))), int(np.ceil(np.log10(last))) + 1, 1 + int(decades // 5))
    found = [digit * 10.0**power for power in powers for digit in digits]
    return [value for value in found if first / 1.2 <= value <= last * 1.3]


def short(value: float) -> str:
    """A number with a prefix: 1.2G, 340M, 0.5."""
    for size, prefix in PREFIXES:
        if value >= size:
            return f"{value / size:.3g}{prefix}"
    return f"{value:.2g}"
