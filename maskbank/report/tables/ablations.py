"""Each variant of a method minus the method as it is: a row a setting, method and variant."""

import pandas as pd

from maskbank.report.panels import DESCRIBED
from maskbank.report.run import Run
from maskbank.report.style import label
from maskbank.report.table import Columns
from maskbank.report.words import CONTRAST, MDE, setting_title

ORDER = 50
TITLE = "Ablations"
CAPTION = (
    "Each variant of a method minus the method as it is, in points: paired by split, task and seed, mean over the "
    "budgets (keep) and steps (T) at which both were run. n counts splits. Intervals: 95 % t-interval "
    f"over splits; p: paired t-test over splits. {MDE} {DESCRIBED}"
)
TOGETHER = 2


def read(run: Run) -> pd.DataFrame:
    return run.ablations


def columns(run: Run, data: pd.DataFrame) -> Columns:
    return {
        "setting": lambda row: setting_title(row, data),
        "method": lambda row: label(row["method"]),
        "variant": lambda row: label(row["variant"]),
        "bank": lambda row: (
            row["bank"] + ("" if row["bank"] == row["bank_default"] else f", not {row['bank_default']}")
        ),
        "keep": lambda row: row["budgets"],
        "T": lambda row: row["steps_averaged"],
        **{head: CONTRAST[head] for head in ("difference", "95 % interval", "n", "p", "MDE", "status")},
    }
