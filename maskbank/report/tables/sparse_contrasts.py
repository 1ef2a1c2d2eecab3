"""GaP against each other method of sparse training: a row a setting, sparsity, GaP method and other method."""

import pandas as pd

from maskbank.report.order import in_setup_order
from maskbank.report.run import Run
from maskbank.report.table import Columns
from maskbank.report.words import BEST, CONTRAST, MDE, how_words, pair_words, removed, task_words

ORDER = 170
TITLE = "GaP against other sparse training"
CAPTION = (
    "Points of the score, GaP minus the other, paired by seed; n counts seeds. Intervals: 95 % t-interval over seeds. p: "
    "paired t-test, none below 6 seeds, with Holm over the methods that one GaP method is compared with in one setting at "
    "one sparsity. Against dense, a question by itself, two one-sided t-tests say whether GaP is not below it by more than "
    f"{{margin}} points (matches or beats) or is, at p ≤ {{alpha}}. {MDE} Underpowered: fewer than 6 seeds, or so few that no "
    f"outcome could pass the correction. {BEST}: the rival with the best validation score."
)
TOGETHER = 3


def read(run: Run) -> pd.DataFrame:
    return run.sparse.contrasts


def rows(run: Run, data: pd.DataFrame) -> pd.DataFrame:
    """Milder sparsity first, the dense reference last."""
    shown = data.assign(milder=-data.budget_asked, last=data.role == "reference")
    shown = shown.sort_values(["pattern", "allocation", "milder", "method", "last", "rival"], kind="stable")
    return in_setup_order(shown)


def columns(run: Run, data: pd.DataFrame) -> Columns:
    return {
        "model": task_words,
        "setting": how_words,
        "removed": lambda row: removed(row["budget_asked"]),
        "GaP − other": pair_words,
        "rates": lambda row: ", ".join(dict.fromkeys((row["rate"], row["rate_rival"]))),
        **CONTRAST,
    }
