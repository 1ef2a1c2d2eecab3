"""The area under accuracy against sparsity: how a pretrained model bears the removal of its smallest weights."""

from collections.abc import Iterator

import pandas as pd

from maskbank.statistics.areas import CURVE, areas
from maskbank.statistics.axes import SEED, Axes
from maskbank.statistics.studies.compression import against, excluded
from maskbank.statistics.study import Level, Row, Study, parts
from maskbank.statistics.tables import Tables

SPAN = ("sparsity_low", "sparsity_high")


def rows(tables: Tables) -> Iterator[tuple[Row, pd.DataFrame]]:
    yield from parts(areas(tables.records).assign(status="ok"), CURVE)


def span(own: pd.DataFrame, other: pd.DataFrame) -> Row:
    """The sparsities of the curve and the mean areas of both sides."""
    scores = {"arm_score": own.area.mean(), "baseline_score": other.area.mean()}
    return {name: side[name].iloc[0] for side in (other, own) if len(side) for name in SPAN} | scores


STUDY = Study(
    axes=Axes(tuple(CURVE), "recipe", SPAN, SEED, "area"),
    levels=(Level("area", (), (*CURVE, "arm")),),  # each a test by itself: it says once more what compression says
    rows=rows,
    against=against,
    excluded=excluded,
    beside=span,
    shown=("arm_score", "baseline_score", *SPAN),
)
