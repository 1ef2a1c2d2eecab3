"""GaP against each other method of sparse training: a row a setting, sparsity, GaP method and other method."""

import pandas as pd

from maskbank.report.contrasts import detectable
from maskbank.report.recipe_words import between, p_text
from maskbank.report.run import Run
from maskbank.report.sparse_contrasts import pair_words, reading
from maskbank.report.sparse_words import how_words, in_setup_order, removed, task_words, verdict
from maskbank.report.table import Columns, points

ORDER = 170
TITLE = "GaP against other sparse training"
CAPTION = "{reading}"
TOGETHER = 3


def read(run: Run) -> pd.DataFrame:
    return run.sparse.contrasts


def words(run: Run, data: pd.DataFrame) -> dict[str, str]:
    return {"reading": reading(run.alpha, run.margin)}


def rows(run: Run, data: pd.DataFrame) -> pd.DataFrame:
    """Milder sparsity first, the dense reference last."""
    shown = data.assign(milder=-data.budget_asked, last=data.role == "reference")
    shown = shown.sort_values(["pattern", "allocation", "milder", "method", "last", "rival"], kind="stable")
    return in_setup_order(shown)


def columns(run: Run, data: pd.DataFrame) -> Columns:
    return {
        "net": task_words,
        "setting": how_words,
        "removed": lambda row: removed(row["budget_asked"]),
        "GaP − other": pair_words,
        "rates": lambda row: ", ".join(dict.fromkeys((row["rate"], row["rate_rival"]))),
        "difference": lambda row: points(row["difference"], signed=True),
        "95 % interval": between,
        "n": lambda row: str(row["n"]),
        "p": lambda row: p_text(row["p"]),
        "p Holm": lambda row: p_text(row["p_holm"]),
        "MDE": detectable,
        "in words": lambda row: verdict(row, run.alpha),
        "status": lambda row: str(row["status"]) + (f": {row['missing']}" if row["missing"] else ""),
    }
