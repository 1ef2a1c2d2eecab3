"""Structured pruning without data: the methods that a claim names, against each other, paired by pretraining seed."""

from collections.abc import Iterator, Sequence

import pandas as pd

from maskbank.config import Params
from maskbank.hypotheses import Declared
from maskbank.statistics.axes import SEED, Axes
from maskbank.statistics.claim import Line, Measured, Reading, measured
from maskbank.statistics.judges import Judgement, agreed, superior
from maskbank.statistics.kept import structured_rows
from maskbank.statistics.study import Arms, Level, Row, Study, parts
from maskbank.statistics.tables import Tables

ARMS = "COMPRESS"  # the registry of what a claim may name
JUDGES = ("superior",)

SETTING = ("dataset", "backbone", "reconstruct")  # merge is each method's own, so that kinds are not averaged
POINT = ("recipe", "pattern", "allocation", "schedule", "bn", "budget_kind", "budget_asked")
PAIR = (*SETTING, "arm", "baseline")


def rows(tables: Tables) -> Iterator[tuple[Row, pd.DataFrame]]:
    yield from parts(structured_rows(tables.records), SETTING)


def against(rows: pd.DataFrame, params: Params) -> Arms:
    asked = [claim for claim in params.claims.values() if claim.study == "structured"]
    pairs = dict.fromkeys((arm, baseline) for claim in asked for arm in claim.arms for baseline in claim.baselines)
    return [pair for pair in pairs if set(pair) <= set(rows.method)]


STUDY = Study(
    axes=Axes(SETTING, "method", POINT, SEED),
    levels=(Level("mean", (), PAIR), Level("budget", ("budget_asked",), (*PAIR, "budget_asked"))),
    rows=rows,
    against=against,
)


def weigh(rows: Sequence[Line], declared: Declared, tables: Tables) -> Judgement:
    """One verdict where all kinds of reconstruction agree."""
    return agreed({f"reconstruct {row['reconstruct']}": superior(row, tables.params.compare.alpha) for row in rows})


def show(rows: pd.DataFrame, declared: Declared, tables: Tables) -> Iterator[Measured]:
    """Of each reconstruction the mean first, then its budgets from the mildest on."""
    rows = rows.assign(point=rows.level != "mean", milder=-rows.budget_asked)
    for row in rows.sort_values(["reconstruct", "point", "milder"], kind="stable").to_dict("records"):
        at = f"keep {row['budget_asked']:g}" if row["point"] else "mean over all shared points"
        yield measured(row, f"{row['reconstruct']}, {at}", row["p"], row["p"])


READING = Reading(
    level="mean",
    tests={"superior": "paired t-test over pretraining seeds, each rival by itself, with every kind of reconstruction"},
    weigh=weigh,
    show=show,
)
