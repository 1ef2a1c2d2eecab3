"""Sharpness of the minima relative to Adam's: a row a model, measure and recipe."""

import pandas as pd

from maskbank.report.order import in_model_order
from maskbank.report.run import Run
from maskbank.report.style import label
from maskbank.report.table import Columns
from maskbank.report.words import (
    CONTRAST,
    FLATTER,
    SHARPER,
    measure_words,
    model_words,
    number,
    ratio_interval,
    scientific,
    status_words,
    verdict,
)

ORDER = 130
TITLE = "Sharpness of the minima"
CAPTION = (
    "Sharpness at the minimum on training images. Ratio to Adam: the exponential of the mean difference of logarithms, "
    "paired by pretraining seed; n counts seeds. Intervals: 95 % t-interval over seeds. p: "
    "paired t-test, none below 6 seeds; Holm over the measures of one recipe on one model. Underpowered: "
    "fewer than 6 seeds. Eigenvalue and trace depend on how weights "
    "are scaled, adaptive sharpness does not."
)
TOGETHER = 2


def read(run: Run) -> pd.DataFrame:
    return run.pretraining.sharpness


def rows(run: Run, data: pd.DataFrame) -> pd.DataFrame:
    return in_model_order(data)


def columns(run: Run, data: pd.DataFrame) -> Columns:
    return {
        "model": model_words,
        "measure": lambda row: measure_words(row["measure"]),
        "recipe": lambda row: label(row["recipe"]),
        "median": lambda row: scientific(row["level"]),
        "Adam's": lambda row: scientific(row["level_adam"]),
        "ratio to Adam": lambda row: number(row["ratio"]),
        "95 % interval": ratio_interval,
        **{head: CONTRAST[head] for head in ("n", "p", "p Holm")},
        "in words": lambda row: verdict(row, SHARPER, FLATTER),
        "status": status_words,
    }
