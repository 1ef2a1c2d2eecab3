"""Probability of improvement: how often the method is above each rival on the same task (Agarwal et al. 2021)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from maskbank.report.marks import Interval
from maskbank.report.panels import forest
from maskbank.report.run import Run
from maskbank.report.style import label, look
from maskbank.report.venues import Venue
from maskbank.statistics.contrast import MIN_CLUSTERS
from maskbank.statistics.effects import improvement_interval, improvements
from maskbank.statistics.pairing import SCORED, SETTING, pair, roles_of, settings, tabulate, transfer_rows

ORDER = 240
TITLE = "Probability of improvement"
CAPTION = "P({method} > rival) on the same task, ties half; n = {n} splits, bars 95 % t-intervals over them; no test."
NOTES = (
    "All pairs of seeds inside a task, averaged over the tasks of a split, then over splits; accuracies are means over the "
    "budgets and steps at which both were run (Agarwal et al. 2021). Line: 0.5, as often above as below. No bar: all splits "
    f"agree, or blocks are missing. Hollow: fewer than {MIN_CLUSTERS} splits. How far above is in the forest plot."
)
ALT = "Forest plot of the probability that {method} is above each rival, with intervals and a line at one half."
COLUMNS = [*SETTING, "method", "rival", "role", "n", "probability", "low", "high", "missing"]


def read(run: Run) -> pd.DataFrame:
    """One row a setting and rival of `compare.against` that ran there beside the method, with COLUMNS.

    The interval is Student's over splits; NaN where blocks are missing or all splits agree.
    """
    rows, params = transfer_rows(run.records[SCORED]), run.params.compare
    roles = roles_of(rows)
    found = []
    for setting, group in settings(rows):
        scores = tabulate(group)
        for rival in (name for name in params.against if roles.get(name) not in (None, "reference")):
            pairs = pair(scores, params.method, rival)
            values = improvements(pairs)
            if len(values):
                low, high = (np.nan, np.nan) if pairs.missing else improvement_interval(values)
                labels = [*setting.values(), params.method, rival, roles[rival]]
                found.append([*labels, len(values), float(values.mean()), low, high, "; ".join(pairs.missing)])
    frame = pd.DataFrame(found, columns=COLUMNS)
    return frame[frame.probability.notna()]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    def mark(row: dict) -> Interval:
        above, hollow = row["probability"], row["n"] < MIN_CLUSTERS or bool(row["missing"])
        seen = look(row["rival"], clip_on=False)
        return Interval(row["rival"], above, row["low"], row["high"], seen, f"{above:.2f}", hollow)

    above = f"P({label(run.params.compare.method)} > rival)"
    return forest(venue, data, "rival", mark, above, limits=(0, 1), at=0.5)
