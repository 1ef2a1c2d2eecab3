"""Variant minus default, a panel a setting, a row a method and variant."""

import pandas as pd
from matplotlib.figure import Figure as Canvas

from maskbank.report.marks import Interval
from maskbank.report.panels import DESCRIBED, HOLLOW, forest, in_points
from maskbank.report.run import Run
from maskbank.report.style import label, look
from maskbank.report.venues import Venue
from maskbank.statistics.contrast import TESTED

ORDER = 260
TITLE = "Ablations"
CAPTION = "Each variant of a method minus the method as it is; n = {n} splits, bars 95 % t-intervals; no test is drawn."
NOTES = f"In points, mean over the budgets and steps at which both were run. {HOLLOW} {DESCRIBED}"
ALT = "Forest plot of the difference of each variant to the method as it is, with intervals."


def read(run: Run) -> pd.DataFrame:
    shown = run.ablations[run.ablations.difference.notna()]
    many = shown.method.nunique() > 1
    pairs = zip(shown.method, shown.variant, strict=True)
    return shown.assign(named=[f"{label(m)}: {label(v)}" if many else label(v) for m, v in pairs])


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    def mark(row: dict) -> Interval:
        tested = row["status"] == TESTED
        said = f"n {row['n']}" if tested else row["status"]
        return Interval(row["named"], *in_points(row), look(row["method"]), said, not tested)

    return forest(venue, data, "named", mark, "variant minus default (points)")
