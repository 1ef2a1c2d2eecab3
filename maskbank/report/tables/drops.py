"""Correlation of sharpness with what compression costs: a row a setting, kind of compression and measure."""

import pandas as pd

from maskbank.report.order import in_model_order
from maskbank.report.run import Run
from maskbank.report.table import Columns
from maskbank.report.words import HOW_FAR, KIND_WORDS, correlation_text, interval_text, measure_words, model_words

ORDER = 140
TITLE = "Sharpness and what compression costs"
CAPTION = (
    "Whether sharper models lose more: correlation of sharpness with the drop, dense accuracy minus the mean accuracy over "
    f"the points of a kind of compression. {HOW_FAR}"
)
TOGETHER = 2


def read(run: Run) -> pd.DataFrame:
    return run.pretraining.correlated


def rows(run: Run, data: pd.DataFrame) -> pd.DataFrame:
    return in_model_order(data)


def columns(run: Run, data: pd.DataFrame) -> Columns:
    return {
        "model": model_words,
        "kind": lambda row: KIND_WORDS[row["kind"]],
        "measure": lambda row: measure_words(row["measure"]),
        "pooled": lambda row: correlation_text(row["pooled"]),
        "95 % interval": lambda row: interval_text(row["pooled_low"], row["pooled_high"]),
        "within recipes": lambda row: correlation_text(row["within"]),
        "95 % interval ": lambda row: interval_text(row["within_low"], row["within_high"]),
        "models": lambda row: str(row["n"]),
        "recipes": lambda row: str(row["recipes"]),
        "seeds": lambda row: str(row["seeds"]),
    }
