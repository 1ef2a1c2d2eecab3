"""How flat minima are: a pretraining recipe against Adam, as the logarithm of a ratio, paired by pretraining seed."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from maskbank.hypotheses import Declared, Superior
from maskbank.statistics.axes import SEED, Axes
from maskbank.statistics.claim import Line, Measured, Reading, measured
from maskbank.statistics.contrast import LOG
from maskbank.statistics.flatness import sharpness_rows
from maskbank.statistics.judges import INCONCLUSIVE, SUPPORTED, Judgement, agreed, superior
from maskbank.statistics.models import ADAM, GROUP
from maskbank.statistics.studies.compression import against, at_every_stop, excluded, model_words
from maskbank.statistics.study import Level, Row, Study, parts
from maskbank.statistics.tables import Tables

ARMS = "RECIPES"  # the registry of what a claim may name
JUDGES = ("superior",)

MEASURE = (*GROUP, "measure")


def rows(tables: Tables) -> Iterator[tuple[Row, pd.DataFrame]]:
    """A model and measure a row; what is not positive has no logarithm, and so is missing."""
    every = sharpness_rows(tables.records, tables.metrics)
    every = every.assign(log=np.log(every.value.where(every.value > 0)), status="ok")
    yield from parts(every, MEASURE, sort=False)


def medians(own: pd.DataFrame, other: pd.DataFrame) -> Row:
    return {"arm_score": own.value.median(), "baseline_score": other.value.median()}


STUDY = Study(
    axes=Axes(MEASURE, "recipe", ("measure",), SEED, "log"),
    levels=(Level("measure", (), (*GROUP, "arm")),),
    rows=rows,
    against=against,
    excluded=excluded,
    beside=medians,
    scale=LOG,
    shown=("arm_score", "baseline_score"),
)


def weigh(rows: Sequence[Line], declared: Declared, tables: Tables) -> Judgement:
    """Supported, or contradicted, only where all measures say so, at every stop; all kinds of measure are needed."""
    found = agreed({measure_words(row): flatter(row, tables.params.compare.alpha) for row in rows})
    kinds = {row["measure"].partition(" ")[0] for row in rows}
    needed = declared.needs if isinstance(declared, Superior) else []
    lacking = [name.replace("_", " ") for name in needed if name not in kinds]
    if found.verdict == SUPPORTED and lacking:
        found = Judgement(INCONCLUSIVE, f"not measured: {', '.join(lacking)} ({found.reason})")
    return at_every_stop(found, rows, tables)


def flatter(row: Line, alpha: float) -> Judgement:
    """By the test, and by an interval of the ratio below 1."""
    found = superior({**row, "difference": -row["difference"]}, alpha, words=("flatter", "sharper"))
    if found.verdict == SUPPORTED and not row["ci_high"] < 0:
        return Judgement(INCONCLUSIVE, f"the interval holds 1, p {found.p:.3g}", found.p)
    return found


def measure_words(row: Line, *, excluded: bool = False) -> str:
    words = model_words(row, excluded=excluded)
    return ": ".join([*([words] if words else []), row["measure"].replace("_", " ")])


def show(rows: pd.DataFrame, declared: Declared, tables: Tables) -> Iterator[Measured]:
    for row in rows.to_dict("records"):
        yield measured(row, measure_words(row, excluded=True), row["p"], row["p"])


PERCENT = "percent of Adam's"
READING = Reading(
    level="measure",
    tests={
        "superior": "paired t-test over pretraining seeds of log ratios; largest eigenvalue and trace of the Hessian and "
        "adaptive sharpness all have to be lower, with every stop that was run"
    },
    weigh=weigh,
    show=show,
    quantity=PERCENT,
    contrast=lambda declared, labels, tables: f"sharpness, {' and '.join(declared.arms)} over {ADAM}",
)
