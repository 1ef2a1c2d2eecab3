"""Accuracy against total cost: what figures in MACs and in seconds share."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.panels import BANDS, cost_axis, method_curves, transfer_grid
from maskbank.report.venues import Venue

NAMES = {"macs": "MACs", "seconds": "CPU seconds"}
WHAT = (
    "Total cost of one task: choosing the units (as each method does it, also at T = 0), adapting for T steps, and all "
    "trials where the method was tuned, in full for each task. Pretraining and the making of the bank are not counted: "
    "both are done once for all tasks."
)
COST_NOTES = (
    f"The points of a curve are its T. {WHAT}{{}} {BANDS} "
    "Black: the dense reference. The axis is logarithmic; below the smallest positive cost of a panel it is linear, so "
    "that a cost of 0 has a place. Where curves cross is in the table of crossings."
)


def cost_grid(venue: Venue, data: pd.DataFrame, kind: str) -> Canvas:
    """A line of panels a setting, a column a budget, a curve a method over T."""
    column = f"{kind}_total"

    def panel(axes: Axes, group: pd.DataFrame) -> None:
        method_curves(axes, group, column)
        cost_axis(axes, group[column])
        axes.set_xlabel(f"total {NAMES[kind]}")

    return transfer_grid(venue, data, "budget_asked", "keep {:g}", panel)
