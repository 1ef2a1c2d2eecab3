"""Settings of transfer as a reader sees them."""

from itertools import islice

import pandas as pd

from maskbank.report.words import setting_title
from maskbank.statistics.comparisons import COLUMNS
from maskbank.statistics.studies.transfer import BY_TASK_SPLIT
from maskbank.statistics.traces import AGAINST, CELLS
from maskbank.statistics.transfer import SETTING

MOST_DRAWN = 8  # settings in one figure
TASK_SPLITS = ("heldout", "unseen", "foreign")


def by_setting(data: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Rows of each setting under its title, in the order of the data; of the first MOST_DRAWN of them."""
    groups = islice(data.groupby(SETTING, sort=False), MOST_DRAWN)
    return [(setting_title(group.iloc[0].to_dict(), data), group) for _, group in groups]


def not_drawn(data: pd.DataFrame) -> str:
    """Which settings a figure of this data leaves out, as the end of its caption; empty where it leaves out none."""
    count = len(data[SETTING].drop_duplicates()) if set(SETTING) <= set(data) else 0
    return (
        f" Drawn: the first {MOST_DRAWN} of {count} settings; the csv beside it has all." if count > MOST_DRAWN else ""
    )


def task_split_rows(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Contrasts of single task splits; those of another data set stand in the setting of the bank's."""
    data = comparisons[comparisons.kind == BY_TASK_SPLIT][[*COLUMNS, CELLS, AGAINST]]
    data = data.drop(columns=["kind", "budget_asked", "steps"])
    home = data[data.task_split != "foreign"].drop_duplicates(["backbone", "recipe"])
    known = dict(zip(zip(home.backbone, home.recipe, strict=True), home.dataset, strict=True))
    models = zip(data.backbone, data.recipe, data.dataset, strict=True)
    return data.assign(measured_on=data.dataset, dataset=[known.get(model[:2], model[2]) for model in models])
