"""Contrasts as a page tells them: looked up among the headlines or made, with a verdict in words."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from maskbank.config import Compare
from maskbank.report.style import label
from maskbank.report.tables import points
from maskbank.statistics.ablation import ablations
from maskbank.statistics.comparisons import HEADLINE
from maskbank.statistics.contrast import INCOMPLETE, INSUFFICIENT, NOT_RUN, measure
from maskbank.statistics.holm import can_reject, holm
from maskbank.statistics.scores import Scores, pair, tabulate
from maskbank.statistics.settings import SCORED, SETTING, setting_words, settings, transfer_rows

Row = dict[str, Any]
HIGHER, LOWER, EQUIVALENT, NOT_SHOWN = "higher", "lower", "equivalent", "no difference shown"
NOT_ENOUGH, NOT_WHOLE = "not enough splits", "incomplete, not tested"
ALONE = "‡"  # marks what is not among the headlines
MDE = (
    "MDE: the smallest true difference that this n finds with 80 % power, before correction; (n …): where that is more than "
    "`compare.effect` of params, the n that would find it."
)


def verdict(row: Mapping[Any, Any], alpha: float) -> str:
    """What one contrast shows, by its numbers alone: of its left side against its right side."""
    if row["status"] in (NOT_RUN, INCOMPLETE, INSUFFICIENT):
        return {NOT_RUN: NOT_RUN, INCOMPLETE: NOT_WHOLE, INSUFFICIENT: NOT_ENOUGH}[row["status"]]
    if row.get("barred"):
        return f"withheld ({', '.join(row['barred'].split())})"
    if row["p_holm"] <= alpha and row["difference"] != 0:
        inside = ", within the margin" if row["equivalent"] else ""
        return (HIGHER if row["difference"] > 0 else LOWER) + inside
    if row["equivalent"]:
        return EQUIVALENT
    return NOT_SHOWN if row["can_reject"] else NOT_ENOUGH


def detectable(row: Mapping[Any, Any] | pd.Series) -> str:
    """The minimal detectable effect in points, and n where more units are needed to find `compare.effect`."""
    short = row["units_needed"] > row["n"]
    return points(row["minimal_detectable_effect"]) + (f" (n {row['units_needed']:,.0f})" if short else "")


def where(labels: Mapping[Any, Any]) -> str:
    """The setting of a contrast in one line."""
    recipe = "" if labels["recipe"] == "adam" else f" ({label(labels['recipe'])})"
    words = setting_words(labels).replace(str(labels["allocation"]), label(str(labels["allocation"])), 1)
    return f"{labels['dataset']}, {labels['backbone']}{recipe}, {words.replace('reestimated BN', 'BN re-estimated')}"


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


Pair = tuple[str, str]


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


def tallied(rows: Sequence[Row], alpha: float) -> str:
    """Differences and verdicts over settings: `+0.4 to +1.2 points; higher in 2 of 3 settings, equivalent in 1`."""
    values = sorted(
        {points(row["difference"], signed=True): row["difference"] for row in rows}.items(), key=lambda x: x[1]
    )
    ends = list(dict.fromkeys([values[0][0], values[-1][0]]))
    return f"{' to '.join(ends)} points; {counted([verdict(row, alpha) for row in rows], 'setting')}"


def counted(verdicts: Sequence[str], what: str) -> str:
    """How often each verdict was given: `positive in 2 of 3 banks, none shown in 1`."""
    counts = {
        name: verdicts.count(name) for name in sorted(set(verdicts), key=lambda name: (-verdicts.count(name), name))
    }
    (first, count), *rest = counts.items()
    if rest:
        return f"{first} in {count} of {len(verdicts)} {what}s, " + ", ".join(f"{name} in {n}" for name, n in rest)
    return f"{first} in " + {1: f"the one {what}", 2: f"both {what}s"}.get(count, f"all {count} {what}s")
