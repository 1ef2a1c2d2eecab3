"""Contrasts that the page of one-shot transfer asks for, as rows of the table of contrasts."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from maskbank.statistics.contrast import NOT_RUN
from maskbank.statistics.contrasts import view
from maskbank.statistics.studies.transfer import HEADLINE
from maskbank.statistics.verdict import HIGHER, LOWER

Row = dict[str, Any]
Pair = tuple[str, str]


def rows_of(table: pd.DataFrame, study: str, *levels: str) -> list[Row]:
    """The contrasts of a study that were run, as rows; `alone` marks those that are not among the headlines."""
    rows, alone = view(table, study, *levels), study == "controls"
    ran = rows[rows.status != NOT_RUN].to_dict("records")
    return [{str(key): value for key, value in row.items()} | {"alone": alone} for row in ran]


def flipped(row: Row) -> Row:
    """The same contrast the other way round."""
    return row | {
        "method": row["rival"], "rival": row["method"], "difference": -row["difference"], "ci_low": -row["ci_high"],
        "ci_high": -row["ci_low"], "verdict": {HIGHER: LOWER, LOWER: HIGHER}.get(row["verdict"], row["verdict"]),
    }  # fmt: skip


def contrasts(table: pd.DataFrame, asked: Sequence[Pair]) -> dict[Pair, list[Row]]:
    """Left minus right of each pair asked, in every setting in which both were run.

    Taken from the headlines where one of them holds it, with Holm's p of that family; else from the controls, of which those
    of one setting are a family of their own (`alone`).
    """
    every = [*rows_of(table, "transfer", HEADLINE), *rows_of(table, "controls")]
    found: dict[Pair, list[Row]] = {}
    for left, right in asked:
        found[left, right] = [row for row in every if (row["method"], row["rival"]) == (left, right)]
        found[left, right] += [flipped(row) for row in every if (row["method"], row["rival"]) == (right, left)]
    return found
