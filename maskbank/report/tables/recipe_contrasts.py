"""Recipes against Adam after compression: a row a setting, kind and recipe, single points in the csv alone."""

import pandas as pd

from maskbank.report.order import in_model_order
from maskbank.report.recipes import READING, UNCORRECTED
from maskbank.report.run import Run
from maskbank.report.style import label
from maskbank.report.table import Columns
from maskbank.report.words import CONTRAST, KIND_WORDS, model_words
from maskbank.statistics.recipes import DENSE
from maskbank.statistics.studies.compression import MEAN

ORDER = 110
TITLE = "Recipes against Adam after compression"
CAPTION = (
    f"{READING} {UNCORRECTED}. Underpowered: fewer than 6 seeds. "
    "Single points of compression, with Holm over the points of a kind, are in the csv."
)
TOGETHER = 2


def read(run: Run) -> pd.DataFrame:
    return run.pretraining.contrasts


def rows(run: Run, data: pd.DataFrame) -> pd.DataFrame:
    return in_model_order(data[data.level == MEAN])


def columns(run: Run, data: pd.DataFrame) -> Columns:
    return {
        "model": model_words,
        "kind": lambda row: KIND_WORDS[row["kind"]],
        "at": lambda row: "" if row["kind"] == DENSE else f"mean of {row['points']} points",
        "recipe − Adam": lambda row: label(row["recipe"]),
        **CONTRAST,
    }
