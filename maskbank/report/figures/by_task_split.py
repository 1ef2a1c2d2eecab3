"""Differences to each rival apart by task split: a panel a setting, up to three marks a row."""

import pandas as pd
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from maskbank.report.marks import Interval
from maskbank.report.panels import HOLLOW, forest, in_points
from maskbank.report.run import Run
from maskbank.report.settings import TASK_SPLITS, task_split_rows
from maskbank.report.style import label, look
from maskbank.report.venues import Venue
from maskbank.statistics.contrast import TESTED
from maskbank.statistics.transfer import SETTING

ORDER = 250
TITLE = "{method} against each rival, by task split"
CAPTION = (
    "{method} minus each rival, by kind of task; n = {n} splits, bars 95 % t-intervals; the tests are in the table by task "
    "split."
)
NOTES = (
    "In points, mean over the budgets and steps at which both were run. Target classes that the backbone saw (held out), "
    f"that it did not see (unseen), and of another data set than the bank's (foreign). {HOLLOW} At the right: n, splits of "
    "each kind ({kinds}). The headlines pool held out and unseen; apart, these contrasts describe."
)
ALT = "Forest plot of the difference of {method} to each rival, apart by held out, unseen and foreign tasks."


def read(run: Run) -> pd.DataFrame:
    data = task_split_rows(run.comparisons)
    return data[data.difference.notna() & (data.role != "reference")]


def words(run: Run, data: pd.DataFrame) -> dict[str, str]:
    return {"kinds": ", ".join(map(label, kinds_of(data)))}


def kinds_of(data: pd.DataFrame) -> list[str]:
    return [kind for kind in TASK_SPLITS if kind in set(data.task_split)]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    kinds = kinds_of(data)
    counts = data.groupby([*SETTING, "rival", "task_split"]).n.max()

    def mark(row: dict) -> Interval:
        place, kind = [row[key] for key in (*SETTING, "rival")], row["task_split"]
        known = [counts.get((*place, each)) for each in kinds]
        first = kind == next(each for each, n in zip(kinds, known, strict=True) if n is not None)
        said = "/".join("–" if n is None else str(n) for n in known) if first else ""
        shift = 0.24 * (kinds.index(kind) - (len(kinds) - 1) / 2)
        return Interval(row["rival"], *in_points(row), look(kind), said, row["status"] != TESTED, shift)

    key = [(label(kind), Line2D([], [], linestyle="none", **look(kind))) for kind in kinds]
    return forest(
        venue, data, "rival", mark, f"{label(run.params.compare.method)} minus rival (points)", row=0.36, key=key
    )
