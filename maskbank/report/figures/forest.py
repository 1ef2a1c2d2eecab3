"""Headline differences of the method to each rival, a panel a setting."""

import pandas as pd
from matplotlib.figure import Figure as Canvas

from maskbank.report.marks import Interval
from maskbank.report.panels import HOLLOW, forest, in_points
from maskbank.report.run import Run
from maskbank.report.style import label, look
from maskbank.report.venues import Venue
from maskbank.statistics.comparisons import COLUMNS
from maskbank.statistics.contrast import TESTED
from maskbank.statistics.studies.transfer import HEADLINE

ORDER = 230
TITLE = "{method} against each rival"
CAPTION = (
    "{method} minus each rival and control; n = {n} splits, bars 95 % t-intervals; p: paired t-test, Holm in a setting."
)
NOTES = (
    "In points, mean over the budgets and steps at which both were run (listed in comparisons.csv). The split is the unit; "
    f"Holm is over all headline contrasts of a setting. {HOLLOW} Grey: ± {{margin}} points, the margin of equivalence."
)
ALT = "Forest plot of the difference of {method} to each rival with intervals and corrected p-values."


def read(run: Run) -> pd.DataFrame:
    rows = run.comparisons
    shown = rows[(rows.kind == HEADLINE) & rows.difference.notna() & (rows.role != "reference")][COLUMNS]
    return shown.drop(columns=["kind", "task_split", "budget_asked", "steps"])


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    def mark(row: dict) -> Interval:
        return Interval(row["rival"], *in_points(row), look(row["rival"]), said(row), row["status"] != TESTED)

    against = f"{label(run.params.compare.method)} minus rival (points)"
    return forest(venue, data, "rival", mark, against, equal=100 * run.margin)


def said(row: dict) -> str:
    """The p of a headline, or why there is none."""
    if row["withheld"]:
        return f"withheld: {row['withheld']}"
    return f"p = {row['p_holm']:.3f}" if row["status"] == TESTED else str(row["status"])
