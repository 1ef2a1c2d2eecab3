"""Accuracy after transfer: methods against budgets, for each setting and T."""

import pandas as pd

from maskbank.report.run import Run
from maskbank.report.style import label
from maskbank.report.table import MARKED, Cell, Columns, across, bold, counts, first, groups_of, marks
from maskbank.report.words import points, setting_title
from maskbank.statistics.transfer import SETTING

ORDER = 10
TITLE = "One-shot transfer"
CAPTION = (
    "Accuracy in points after T steps: mean over splits ± half of the 95 % t-interval, and in brackets the paired "
    f"difference to the dense reference. n counts splits. {bold('the pruned methods, the oracle aside', 'splits')} {MARKED}"
)
TOGETHER = 2


def read(run: Run) -> pd.DataFrame:
    return run.transfer


def rows(run: Run, data: pd.DataFrame) -> list[pd.DataFrame]:
    return [own for group in groups_of(data, [*SETTING, "steps"], sort=False) for own in groups_of(group, ["method"])]


def columns(run: Run, data: pd.DataFrame) -> Columns:
    budgets = sorted(data.budget_asked.unique(), reverse=True)
    return {
        "setting": first(lambda row: setting_title(row.to_dict(), data)),
        "T": first(lambda row: str(row.steps)),
        "method": first(lambda row: label(row.method)),
        **across({f"keep {budget:g}": ("budget_asked", budget) for budget in budgets}, mean),
        "n": counts,
    }


def mean(row: pd.Series) -> Cell:
    text = f"{points(row.accuracy)} ± {points(row.half_width)}"
    text += "" if row.role == "reference" else f" ({points(row.difference_to_dense, signed=True)})"
    return Cell(text + marks(row), row.best)
