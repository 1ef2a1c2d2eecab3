"""Ablations: each variant of a method minus the method as it is, on the same tasks and seeds."""

from collections.abc import Iterator

import pandas as pd

from maskbank.config import Params
from maskbank.records.schema import SHUFFLED_LABELS
from maskbank.statistics.axes import TASK, Axes
from maskbank.statistics.study import Arms, Level, Row, Study, parts
from maskbank.statistics.tables import Tables
from maskbank.statistics.transfer import DEFAULT, POINT, SCORED, SETTING, every_variant

METHOD = (*SETTING, "method")


def rows(tables: Tables) -> Iterator[tuple[Row, pd.DataFrame]]:
    """Of methods that have a variant; label-shuffled tasks are a sanity check, and no ablation."""
    every = every_variant(tables.records[[*SCORED, "bank", "cell_key"]])
    every = every[every.variant != SHUFFLED_LABELS]
    changed = every[every.variant != DEFAULT][list(METHOD)].drop_duplicates()
    yield from parts(every.merge(changed), METHOD)


def against(rows: pd.DataFrame, params: Params) -> Arms:
    return [(variant, DEFAULT) for variant in sorted(set(rows.variant) - {DEFAULT})]


def banks(own: pd.DataFrame, other: pd.DataFrame) -> Row:
    names = [" ".join(sorted(set(side.bank))) for side in (own, other)]
    return {"bank": names[0], "bank_default": names[1], "role": own.role.iloc[0]}


STUDY = Study(
    axes=Axes(METHOD, "variant", tuple(POINT), TASK),
    levels=(Level("variant", (), METHOD, shows_not_run=True),),
    rows=rows,
    against=against,
    beside=banks,
    shown=("bank", "bank_default", "budgets", "steps_averaged"),
)
