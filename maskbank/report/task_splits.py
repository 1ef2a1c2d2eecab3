"""The table of differences apart by task split."""

from collections.abc import Hashable
from typing import Any

import pandas as pd

from maskbank.report.forest import TASK_SPLITS, task_split_rows
from maskbank.report.style import label
from maskbank.report.tables import Cell, Sheet
from maskbank.report.words import points, setting_title
from maskbank.statistics.contrast import TESTED
from maskbank.statistics.pairing import SETTING


def task_split_table(comparisons: pd.DataFrame) -> Sheet:
    """A row a setting and rival, a column a task split."""
    data = task_split_rows(comparisons)
    rows = []
    for _, group in data.groupby([*SETTING, "rival"], sort=False):
        first = group.iloc[0]
        cells = {str(row["task_split"]): difference(row) for row in group.to_dict("records")}
        names = (setting_title(first.to_dict(), data), label(first.rival), first.role)
        rows.append(tuple(map(Cell, [*names, *(cells.get(kind, "") for kind in TASK_SPLITS)])))
    method = label(str(data.method.iloc[0])) if len(data) else "the method"
    caption = (
        f"{method} minus each other method in points, apart by task split, mean over the budgets and steps at which both "
        "were run: difference [95 % interval], n splits, and p (exact Wilcoxon signed-rank over splits, Holm over the "
        "rivals of the column). Held out: the backbone saw the target classes; unseen: it did not; foreign: of another "
        "data set than the bank's. Insufficient: fewer than 6 splits, no p is given and the interval is a t-interval. "
        "These contrasts describe; the headlines pool held out and unseen."
    )
    head = ("setting", "against", "role", *(label(kind) for kind in TASK_SPLITS))
    return Sheet(
        "by_task_split", f"{method} against each rival, by task split", caption, head, tuple(rows), data, together=1
    )


def difference(row: dict[Hashable, Any]) -> str:
    """A difference with its interval, n and p, or why there is no p."""
    low, high = (points(row[key], signed=True) for key in ("ci_low", "ci_high"))
    status = f"p {row['p_holm']:.3f}" if row["status"] == TESTED else row["status"].removesuffix(" tasks")
    text = points(row["difference"], signed=True)
    return (
        f"{text} [{low}, {high}], n {row['n']}, {status}"
        if pd.notna(row["ci_low"])
        else f"{text}, n {row['n']}, {status}"
    )
