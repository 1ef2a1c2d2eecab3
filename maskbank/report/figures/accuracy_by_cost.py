"""Accuracy against total cost in MACs, a curve a method over T."""

import pandas as pd
from matplotlib.figure import Figure as Canvas

from maskbank.report.costs import COST_NOTES, cost_grid
from maskbank.report.panels import COUNTED
from maskbank.report.run import Run
from maskbank.report.venues import Venue

ORDER = 80
TITLE = "Accuracy against total cost in MACs"
CAPTION = f"Accuracy against total cost in MACs; {COUNTED}"
NOTES = COST_NOTES.format("")
ALT = "Line plots of accuracy against total MACs, one curve a method, panels by setting and budget."


def read(run: Run) -> pd.DataFrame:
    rows = run.cost_curves
    return rows[rows.accuracy.notna() & rows.macs_total.notna()]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    return cost_grid(venue, data, "macs")
