"""The comparisons of transfer as they are written for spreadsheets: a typed view of the table of contrasts."""

import pandas as pd

from maskbank.statistics.contrasts import of_study
from maskbank.statistics.studies.transfer import BY_TASK_SPLIT, HEADLINE
from maskbank.statistics.transfer import SETTING

EVERY = "all"
COLUMNS = [
    "kind", "family", *SETTING, "task_split", "budget_asked", "budgets", "steps", "steps_averaged", "method", "rival",
    "role", "status", "n", "tasks", "difference", "sd", "ci_low", "ci_high", "wins", "ties", "losses",
    "probability_of_improvement", "p", "equivalence_p", "minimal_detectable_effect",
    "units_needed", "p_holm", "family_size", "equivalent", "missing", "withheld", "verdict",
]  # fmt: skip


def comparisons(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the study transfer, with COLUMNS."""
    return comparison_rows(table)[COLUMNS]


def comparison_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The same with every other column of the table, the cells behind each row among them."""
    own = of_study(table, "transfer")
    own = own.assign(kind=own.level, method=own.arm, rival=own.baseline)
    return own.assign(task_split=own.task_split.where(own.kind == BY_TASK_SPLIT, EVERY))


def headlines(table: pd.DataFrame) -> pd.DataFrame:
    """The headlines among comparisons."""
    return table[table.kind == HEADLINE]
