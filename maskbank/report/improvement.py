"""Probability of improvement: how often the method is above each rival on the same task (Agarwal et al. 2021)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskbank.config import Compare
from maskbank.report.forest import beside, draw_interval, forest_grid
from maskbank.report.style import Drawing, colour, label, marker
from maskbank.report.venues import Venue
from maskbank.report.words import number_range
from maskbank.statistics.contrast import MIN_CLUSTERS
from maskbank.statistics.effects import improvement_interval, improvements
from maskbank.statistics.pairing import SCORED, SETTING, pair, roles_of, settings, tabulate, transfer_rows

COLUMNS = [*SETTING, "method", "rival", "role", "n", "probability", "low", "high", "missing"]


def improvement_rows(records: pd.DataFrame, params: Compare) -> pd.DataFrame:
    """One row a setting and rival of `compare.against` that ran there beside the method, with COLUMNS.

    The interval is Student's over splits; NaN where blocks are missing or all splits agree.
    """
    rows = transfer_rows(records[SCORED])
    roles = roles_of(rows)
    found = []
    for setting, group in settings(rows):
        scores = tabulate(group)
        for rival in (name for name in params.against if roles.get(name) not in (None, "reference")):
            pairs = pair(scores, params.method, rival)
            values = improvements(pairs)
            low, high = (np.nan, np.nan) if pairs.missing else improvement_interval(values)
            probability = float(values.mean()) if len(values) else np.nan
            missing = "; ".join(pairs.missing)
            labels = [*setting.values(), params.method, rival, roles[rival]]
            found.append([*labels, len(values), probability, low, high, missing])
    return pd.DataFrame(found, columns=COLUMNS)


def improvement_figure(rows: pd.DataFrame) -> Drawing:
    """From `improvement_rows`: a panel a setting, a row a rival."""
    shown = rows[rows.probability.notna()]
    method = label(str(shown.method.iloc[0])) if len(shown) else "method"

    def draw(venue: Venue) -> Figure:
        return forest_grid(venue, shown, "rival", panel, f"P({method} > rival)", at=0.5)

    caption = (
        f"P({method} > rival) on the same task, ties half; n = {number_range(shown.n)} splits, bars 95 % t-intervals over "
        "them; no test."
    )
    notes = (
        "All pairs of seeds inside a task, averaged over the tasks of a split, then over splits; accuracies are means over the "
        "budgets and steps at which both were run (Agarwal et al. 2021). Line: 0.5, as often above as below. No bar: all splits "
        f"agree, or blocks are missing. Hollow: fewer than {MIN_CLUSTERS} splits. How far above is in the forest plot."
    )
    alt = f"Forest plot of the probability that {method} is above each rival, with intervals and a line at one half."
    return Drawing("improvement", "Probability of improvement", caption, notes, alt, shown, draw)


def panel(axes: Axes, group: pd.DataFrame, rivals: list[str]) -> None:
    for row in group.to_dict("records"):
        height, tint = rivals.index(row["rival"]), colour(row["rival"])
        face = tint if row["n"] >= MIN_CLUSTERS and not row["missing"] else "white"
        draw_interval(
            axes, height, [row["probability"], row["low"], row["high"]], color=tint, marker=marker(row["rival"]),
            markersize=4.5, markerfacecolor=face, clip_on=False, zorder=3,
        )  # fmt: skip
        beside(axes, height, f"{row['probability']:.2f}")
    axes.set_xlim(0, 1)
