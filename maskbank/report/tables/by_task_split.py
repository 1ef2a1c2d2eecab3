"""The method against each rival, apart by task split: a row a setting and rival, a column a task split."""

import pandas as pd

from maskbank.report.run import Run
from maskbank.report.settings import TASK_SPLITS, task_split_rows
from maskbank.report.style import label
from maskbank.report.table import Columns, across, first, groups_of
from maskbank.report.words import points, setting_title
from maskbank.statistics.contrast import TESTED
from maskbank.statistics.transfer import SETTING

ORDER = 30
TITLE = "{method} against each rival, by task split"
CAPTION = (
    "{method} minus each other method in points, apart by task split, mean over the budgets and steps at which both "
    "were run: difference [95 % interval], n splits, and p (paired t-test over splits, Holm over the "
    "rivals of the column). Held out: the backbone saw the target classes; unseen: it did not; foreign: of another "
    "data set than the bank's. Too few to test: fewer than 6 splits, no p is given and the interval is a t-interval. "
    "These contrasts describe; the headlines pool held out and unseen."
)
TOGETHER = 1


def read(run: Run) -> pd.DataFrame:
    return task_split_rows(run.comparisons)


def rows(run: Run, data: pd.DataFrame) -> list[pd.DataFrame]:
    return groups_of(data, [*SETTING, "rival"], sort=False)


def columns(run: Run, data: pd.DataFrame) -> Columns:
    return {
        "setting": first(lambda row: setting_title(row.to_dict(), data)),
        "against": first(lambda row: label(row.rival)),
        "role": first(lambda row: row.role),
        **across({label(kind): ("task_split", kind) for kind in TASK_SPLITS}, difference),
    }


def difference(row: pd.Series) -> str:
    """A difference with its interval, n and p, or why there is no p."""
    value, low, high = (points(row[key], signed=True) for key in ("difference", "ci_low", "ci_high"))
    status = f"p {row.p_holm:.3f}" if row.status == TESTED else row.status
    interval = f" [{low}, {high}]" if pd.notna(row.ci_low) else ""
    return f"{value}{interval}, n {row.n}, {status}"
