"""Every learning-rate schedule that each arm was run with: a row an arm, a column a schedule."""

import pandas as pd

from maskbank.report.order import in_setup_order
from maskbank.report.run import Run
from maskbank.report.sparse_accuracy import arm_groups, arm_name
from maskbank.report.table import Cell, Columns, across, first, groups_of
from maskbank.report.words import how_words, points, removed, task_words
from maskbank.statistics.sparse_arms import NOT_CHOSEN, SETTING, in_rate_order

ORDER = 160
TITLE = "Learning-rate schedule of each arm"
CAPTION = (
    "Every learning-rate schedule that each arm was run with: mean score on validation data in points, and in "
    "brackets on the test set, over seeds. Bold: the one chosen, by validation alone; of several that differ in failed seeds "
    "those with the fewest are asked. The number of schedules is the number of trials; arms compare at those that both "
    "were run with. ✗: cells that did not end ok."
)
TOGETHER = 3


def read(run: Run) -> pd.DataFrame:
    return run.sparse.choices


def rows(run: Run, data: pd.DataFrame) -> list[pd.DataFrame]:
    keys = [*SETTING, "budget_asked"]
    return [own for group in groups_of(in_setup_order(data), keys, sort=False) for own in arm_groups(group)]


def columns(run: Run, data: pd.DataFrame) -> Columns:
    return {
        "model": first(task_words),
        "setting": first(how_words),
        "removed": first(lambda row: removed(row.budget_asked)),
        "method": first(arm_name),
        **across({rate: ("schedule", rate) for rate in in_rate_order(data.schedule)}, score),
        "trials": trials,
    }


def score(row: pd.Series) -> Cell:
    text = f"{points(row.validation_score)} ({points(row.score)})" + (f" ✗{row.failed}" if row.failed else "")
    return Cell(text, row.choice != NOT_CHOSEN)


def trials(own: pd.DataFrame) -> str:
    lacks = own.lacks.iloc[0]
    return f"lacks {lacks}: unequal trials" if lacks else f"{len(own)} trial{'s' if len(own) > 1 else ''}"
