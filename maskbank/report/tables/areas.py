"""Area under accuracy against sparsity: a row a curve and recipe."""

import pandas as pd

from maskbank.records.schema import NONE
from maskbank.report.order import in_model_order
from maskbank.report.recipes import READING
from maskbank.report.run import Run
from maskbank.report.style import label
from maskbank.report.table import Columns
from maskbank.report.words import CONTRAST, Row, model_words, points

ORDER = 120
TITLE = "Area under accuracy against sparsity"
CAPTION = (
    "Area under accuracy against sparsity after one-shot magnitude pruning of single weights, by the trapezoid rule over "
    f"the sparsities that all recipes were run at, divided by their width. {READING} Each is a test by itself, corrected "
    "for nothing."
)
TOGETHER = 2


def read(run: Run) -> pd.DataFrame:
    return run.pretraining.areas


def rows(run: Run, data: pd.DataFrame) -> pd.DataFrame:
    return in_model_order(data)


def columns(run: Run, data: pd.DataFrame) -> Columns:
    return {
        "model": model,
        "sparsity": lambda row: f"{100 * row['sparsity_low']:.3g}–{100 * row['sparsity_high']:.3g} %",
        "recipe": lambda row: label(row["recipe"]),
        "area": lambda row: points(row["area"]),
        "Adam's": lambda row: points(row["area_adam"]),
        **{head: say for head, say in CONTRAST.items() if head != "p Holm"},
    }


def model(row: Row) -> str:
    return ", ".join(
        [model_words(row), *(label(row[key]) for key in ("allocation", "reconstruct") if row[key] != NONE)]
    )
