"""Contrasts of the page of one-shot transfer: taken from the headlines where these hold them, measured here otherwise."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from maskbank.config import Compare
from maskbank.statistics.ablation import ablations
from maskbank.statistics.comparisons import HEADLINE
from maskbank.statistics.contrast import NOT_RUN, measure
from maskbank.statistics.holm import can_reject, holm
from maskbank.statistics.pairing import SCORED, SETTING, Scores, pair, settings, tabulate, transfer_rows

Row = dict[str, Any]
Pair = tuple[str, str]


def headline_rows(comparisons: pd.DataFrame) -> list[Row]:
    """The headlines as rows; `alone` marks contrasts that are not among them."""
    rows = comparisons[comparisons.kind == HEADLINE]
    return [{str(key): value for key, value in row.items()} | {"alone": False} for row in rows.to_dict("records")]


def flipped(row: Row) -> Row:
    """The same contrast the other way round."""
    return row | {
        "method": row["rival"], "rival": row["method"], "difference": -row["difference"], "ci_low": -row["ci_high"],
        "ci_high": -row["ci_low"],
    }  # fmt: skip


def contrasts(records: pd.DataFrame, heads: list[Row], asked: Sequence[Pair], params: Compare) -> dict[Pair, list[Row]]:
    """Left minus right of each pair asked, in every setting in which both were run.

    Taken from the headlines where one of them holds it, with Holm's p of that family; the others are measured here, and
    those of one setting are a family of their own (`alone`).
    """
    found: dict[Pair, list[Row]] = {}
    for left, right in asked:
        found[left, right] = [row for row in heads if (row["method"], row["rival"]) == (left, right)]
        found[left, right] += [flipped(row) for row in heads if (row["method"], row["rival"]) == (right, left)]
    unknown = [names for names, rows in found.items() if not rows]
    for setting, rows in settings(transfer_rows(records[SCORED])):
        scores = tabulate(rows)
        family = [measured(scores, setting, left, right, params) for left, right in unknown]
        for row in corrected([row for row in family if row["status"] != NOT_RUN], params.alpha):
            found[row["method"], row["rival"]].append(row)
    return {names: [row for row in rows if row["status"] != NOT_RUN] for names, rows in found.items()}


def measured(scores: Scores, setting: dict[str, str], left: str, right: str, params: Compare) -> Row:
    points = scores.points[scores.ran(left, right)]
    given = asdict(measure(pair(scores, left, right), params))
    return {
        **setting, "method": left, "rival": right, **given, "alone": True,
        "equivalent": given["equivalence_p"] <= params.alpha,
        "budgets": " ".join(f"{budget:g}" for budget in sorted(points.budget_asked.unique())),
        "steps_averaged": " ".join(str(steps) for steps in sorted(points.steps.unique())),
    }  # fmt: skip


def variant_rows(records: pd.DataFrame, params: Compare) -> list[Row]:
    """Each variant minus the default of its method; the variants of a method in a setting are a family."""
    found: list[Row] = []
    for _, family in ablations(records, params).groupby([*SETTING, "method"], sort=True):
        ran = family[family.status != NOT_RUN].to_dict("records")
        rows = [{str(key): value for key, value in row.items()} for row in ran]
        rows = [row | {"equivalent": row["equivalence_p"] <= params.alpha, "alone": False} for row in rows]
        found += corrected(rows, params.alpha)
    return found


def corrected(family: Sequence[Row], alpha: float) -> list[Row]:
    """The same contrasts as one family."""
    adjusted = holm([row["p"] for row in family])
    return [
        row | {"p_holm": float(p), "can_reject": can_reject(row["smallest_p"], len(family), alpha)}
        for row, p in zip(family, adjusted, strict=True)
    ]
