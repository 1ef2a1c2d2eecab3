"""Accuracy after transfer against budget: a line of panels a setting, a column a T."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.marks import level, points, ticks
from maskbank.report.panels import BANDS, COUNTED, DASHES, line_look, method_curves, methods_of, transfer_grid
from maskbank.report.run import Run
from maskbank.report.style import colour
from maskbank.report.venues import Venue

ORDER = 20
TITLE = "Accuracy against budget"
CAPTION = f"Accuracy after T steps against the fraction kept; {COUNTED}"
NOTES = (
    f"{BANDS} Black: the dense reference. Methods run at one budget alone stand side by side about it. Methods share splits, "
    "so that bands that overlap do not show equality; the tests of paired differences (paired t-test, Holm) are in "
    "the forest plot."
)
ALT = "Line plots of accuracy against fraction kept, one line a method, panels by setting and steps."


def read(run: Run) -> pd.DataFrame:
    return run.transfer[run.transfer.accuracy.notna()]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    return transfer_grid(venue, data, "steps", "T = {}", panel)


def panel(axes: Axes, group: pd.DataFrame) -> None:
    """One line a method with its band, or bars side by side where there is one budget; the reference as a level."""
    budgets, pruned = sorted(group.budget_asked.unique()), group[group.role != "reference"]
    for name, own in group[group.role == "reference"].groupby("method"):
        look = {"color": colour(str(name)), "linestyle": DASHES["reference"], "linewidth": 1.2}
        level(axes, 100 * own.accuracy.iloc[0], look, 100 * own.half_width.fillna(0).iloc[0])
    if len(budgets) > 1:
        method_curves(axes, pruned.assign(budget_asked=set_apart(pruned)), "budget_asked")
        axes.set_xscale("log", base=2)
        ticks(axes.xaxis, budgets)
        axes.set_xlim(min(budgets) / 1.25, max(budgets) * 1.25)
        axes.set_xlabel("fraction kept")
        return
    names = methods_of(pruned)
    for place, (method, role) in enumerate(names):
        own = pruned[pruned.method == method]
        points(axes, [place], 100 * own.accuracy, line_look(method, role) | {"linestyle": "none"}, 100 * own.half_width)
    axes.set_xticks([])
    axes.set_xlim(-0.8, len(names) - 0.2)
    axes.set_xlabel(f"fraction kept {budgets[0]:g}")


def set_apart(rows: pd.DataFrame) -> pd.Series:
    """Budgets to draw at: methods run at one budget alone stand side by side about it, within a tenth of it."""
    budgets = rows.groupby("method").budget_asked.nunique()
    single = list(budgets.index[budgets == 1])
    places = dict(zip(single, np.linspace(0.9, 1.1, len(single)) if len(single) > 1 else [1.0], strict=False))
    return rows.budget_asked * rows.method.map(places).fillna(1.0)
