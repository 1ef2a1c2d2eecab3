"""Probability of improvement: how often the method is above each rival on the same task (Agarwal et al. 2021)."""

import pandas as pd
from matplotlib.figure import Figure as Canvas

from maskbank.report.marks import Interval
from maskbank.report.panels import forest
from maskbank.report.run import Run
from maskbank.report.style import label, look
from maskbank.report.venues import Venue
from maskbank.statistics.paired import MIN_CLUSTERS
from maskbank.statistics.studies.transfer import HEADLINE
from maskbank.statistics.transfer import SETTING

ORDER = 240
TITLE = "Probability of improvement"
CAPTION = "P({method} > rival) on the same task, ties half; n = {n} splits, bars 95 % t-intervals over them; no test."
NOTES = (
    "All pairs of seeds inside a task, averaged over the tasks of a split, then over splits; accuracies are means over the "
    "budgets and steps at which both were run (Agarwal et al. 2021). Line: 0.5, as often above as below. No bar: all splits "
    f"agree, or blocks are missing. Hollow: fewer than {MIN_CLUSTERS} splits. How far above is in the forest plot."
)
ALT = "Forest plot of the probability that {method} is above each rival, with intervals and a line at one half."
NAMES = {
    "probability_of_improvement": "probability", "improvement_low": "low", "improvement_high": "high",
}  # fmt: skip
COLUMNS = [*SETTING, "method", "rival", "role", "n", "probability", "low", "high", "missing"]


def read(run: Run) -> pd.DataFrame:
    """One row a setting and rival of `compare.against` that ran there beside the method, with COLUMNS."""
    rows = run.comparisons.rename(columns=NAMES)
    shown = (rows.kind == HEADLINE) & (rows.role != "reference") & rows.probability.notna()
    return rows[shown][COLUMNS]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    def mark(row: dict) -> Interval:
        above, hollow = row["probability"], row["n"] < MIN_CLUSTERS or bool(row["missing"])
        seen = look(row["rival"], clip_on=False)
        return Interval(row["rival"], above, row["low"], row["high"], seen, f"{above:.2f}", hollow)

    above = f"P({label(run.params.compare.method)} > rival)"
    return forest(venue, data, "rival", mark, above, limits=(0, 1), at=0.5)
