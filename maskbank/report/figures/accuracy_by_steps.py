"""Accuracy against the number of adaptation steps: a line of panels a setting, a column a budget."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.marks import ticks
from maskbank.report.panels import BANDS, COUNTED, method_curves, transfer_grid
from maskbank.report.run import Run
from maskbank.report.venues import Venue

ORDER = 30
TITLE = "Accuracy against steps"
CAPTION = f"Accuracy against the number T of adaptation steps; {COUNTED}"
NOTES = (
    f"{BANDS} Black: the dense reference. The axis is linear up to the first T above 0, and logarithmic from there. "
    "Differences at single points are in comparisons.csv."
)
ALT = "Line plots of accuracy against adaptation steps, one line a method, panels by setting and budget."


def read(run: Run) -> pd.DataFrame:
    return run.transfer[run.transfer.accuracy.notna()]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    return transfer_grid(venue, data, "budget_asked", "keep {:g}", panel)


def panel(axes: Axes, group: pd.DataFrame) -> None:
    method_curves(axes, group, "steps")
    steps = sorted(group.steps.unique())
    first = min((number for number in steps if number > 0), default=1)
    axes.set_xscale("symlog", linthresh=first, linscale=0.6)
    axes.set_xlim(-0.12 * first, 1.15 * max([first, *steps]))
    ticks(axes.xaxis, steps)
    axes.set_xlabel("steps T")
