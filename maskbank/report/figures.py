"""Figures of accuracy after transfer, by budget and by steps."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from maskbank.report.panels import DASHES, draw_curves, look, methods_of, panel_grid
from maskbank.report.style import Drawing, colour
from maskbank.report.venues import Venue
from maskbank.report.words import number_range

BANDS = (
    "Where a panel has more than 6 methods, bands are of the method and the reference alone. Short dashes: controls."
)


def counted(what: str, data: pd.DataFrame) -> str:
    """What is drawn, as one line of a caption."""
    return f"{what}; points are means over n = {number_range(data.n)} splits, bands and bars 95 % t-intervals; no test."


def budget_axis(axes: Axes, budgets: list[float], name: str = "fraction kept") -> None:
    """A logarithmic axis with a tick at each budget that was run."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(budgets))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(min(budgets) / 1.25, max(budgets) * 1.25)
    axes.set_xlabel(name)


def accuracy_figure(data: pd.DataFrame) -> Drawing:
    """Accuracy against budget, from `transfer_means`: a line of panels a setting, a column a T."""
    shown = data[data.accuracy.notna()]

    def draw(venue: Venue) -> Figure:
        return panel_grid(venue, shown, "steps", lambda steps: f"T = {steps}", accuracy_panel)

    caption = counted("Accuracy after T steps against the fraction kept", shown)
    notes = (
        f"{BANDS} Black: the dense reference. Methods run at one budget alone stand side by side about it. Methods share splits, "
        "so that bands that overlap do not show equality; the tests of paired differences (Wilcoxon signed-rank, Holm) are in "
        "the forest plot."
    )
    alt = "Line plots of accuracy against fraction kept, one line a method, panels by setting and steps."
    return Drawing("accuracy_by_budget", "Accuracy against budget", caption, notes, alt, shown, draw)


def accuracy_panel(axes: Axes, group: pd.DataFrame) -> None:
    """One line a method with its band, or bars side by side where there is one budget; the reference as a level."""
    budgets, pruned = sorted(group.budget_asked.unique()), group[group.role != "reference"]
    for name, own in group[group.role == "reference"].groupby("method"):
        level, width = 100 * own.accuracy.iloc[0], 100 * own.half_width.fillna(0).iloc[0]
        axes.axhline(level, color=colour(str(name)), linestyle=DASHES["reference"], linewidth=1.2)
        axes.axhspan(level - width, level + width, color=colour(str(name)), alpha=0.08, lw=0)
    if len(budgets) > 1:
        draw_curves(axes, pruned.assign(budget_asked=set_apart(pruned)), "budget_asked")
        budget_axis(axes, budgets)
        return
    names = methods_of(pruned)
    for place, (method, role) in enumerate(names):
        own = pruned[pruned.method == method]
        bars: dict[str, Any] = look(method, role) | {"linestyle": "none", "capsize": 2, "elinewidth": 1}
        axes.errorbar([place], 100 * own.accuracy, 100 * own.half_width.fillna(0), **bars)
    axes.set_xticks([])
    axes.set_xlim(-0.8, len(names) - 0.2)
    axes.set_xlabel(f"fraction kept {budgets[0]:g}")


def set_apart(rows: pd.DataFrame) -> pd.Series:
    """Budgets to draw at: methods run at one budget alone stand side by side about it, within a tenth of it."""
    budgets = rows.groupby("method").budget_asked.nunique()
    single = list(budgets.index[budgets == 1])
    places = dict(zip(single, np.linspace(0.9, 1.1, len(single)) if len(single) > 1 else [1.0], strict=False))
    return rows.budget_asked * rows.method.map(places).fillna(1.0)


def steps_figure(data: pd.DataFrame) -> Drawing:
    """Accuracy against steps, from `transfer_means`: a line of panels a setting, a column a budget."""
    shown = data[data.accuracy.notna()]

    def draw(venue: Venue) -> Figure:
        return panel_grid(venue, shown, "budget_asked", lambda budget: f"keep {budget:g}", steps_panel)

    caption = counted("Accuracy against the number T of adaptation steps", shown)
    notes = (
        f"{BANDS} Black: the dense reference. The axis is linear up to the first T above 0, and logarithmic from there. "
        "Differences at single points are in comparisons.csv."
    )
    alt = "Line plots of accuracy against adaptation steps, one line a method, panels by setting and budget."
    return Drawing("accuracy_by_steps", "Accuracy against steps", caption, notes, alt, shown, draw)


def steps_panel(axes: Axes, group: pd.DataFrame) -> None:
    draw_curves(axes, group, "steps")
    steps = sorted(group.steps.unique())
    first = min((number for number in steps if number > 0), default=1)
    axes.set_xscale("symlog", linthresh=first, linscale=0.6)
    axes.set_xlim(-0.12 * first, 1.15 * max([first, *steps]))
    axes.xaxis.set_major_locator(FixedLocator(steps))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("steps T")
