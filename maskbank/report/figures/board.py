"""Difference to dense of each method with the letters of its tie groups, a panel a board."""

import pandas as pd
from matplotlib.figure import Figure as Canvas

from maskbank.report.marks import Interval
from maskbank.report.panels import forest, in_points
from maskbank.report.run import Run
from maskbank.report.style import look
from maskbank.report.venues import Venue
from maskbank.statistics.contrast import TESTED

ORDER = 40
TITLE = "Tie groups"
CAPTION = "Accuracy minus that of dense; n = {n} splits, bars 95 % t-intervals; letters: t-test over splits, Holm over all pairs."
NOTES = (
    "In points, mean over budgets and steps. Methods that share a letter do not differ significantly. Hollow: no test, as splits "
    "are fewer than 6."
)
ALT = "Forest plot of each method's difference to dense, with the letters of its tie groups."


def read(run: Run) -> pd.DataFrame:
    return run.board_rows[run.board_rows.difference.notna()]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    return forest(
        venue, data, "method", lambda row: Interval(
            row["method"], *in_points(row), look(row["method"]), row["groups"] or "no test", row["status"] != TESTED
        ), "method minus dense (points)",
    )  # fmt: skip
