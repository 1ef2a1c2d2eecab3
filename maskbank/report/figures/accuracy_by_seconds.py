"""Accuracy against total cost in CPU seconds, a curve a method over T."""

import pandas as pd
from matplotlib.figure import Figure as Canvas

from maskbank.report.costs import COST_NOTES, cost_grid
from maskbank.report.panels import COUNTED
from maskbank.report.run import Run
from maskbank.report.venues import Venue

ORDER = 90
TITLE = "Accuracy against total cost in CPU seconds"
CAPTION = f"Accuracy against total cost in CPU seconds; {COUNTED}"
NOTES = COST_NOTES.format(" Seconds are shown only where all come from one machine class.")
ALT = "Line plots of accuracy against total CPU seconds, one curve a method, panels by setting and budget."


def read(run: Run) -> pd.DataFrame:
    rows = run.cost_curves
    return rows[rows.accuracy.notna() & rows.seconds_total.notna()]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    return cost_grid(venue, data, "seconds")
