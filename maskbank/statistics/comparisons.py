"""Comparisons: the method against each rival, in every setting, as headlines and point by point."""

from dataclasses import asdict, fields

import pandas as pd

from maskbank.config import Compare
from maskbank.statistics.contrast import Contrast, measure
from maskbank.statistics.holm import can_reject, holm
from maskbank.statistics.pairing import SETTING, pair, settings, tabulate, transfer_rows

HEADLINE = "headline"
AT_POINT = "point"
NAN = float("nan")
LABELS = ["kind", "family", *SETTING, "budget_asked", "budgets", "steps", "steps_averaged", "method", "rival", "role"]
MEASURED = [field.name for field in fields(Contrast) if field.name != "missing"]
COLUMNS = [*LABELS, *MEASURED, "p_holm", "family_size", "can_reject", "equivalent", "missing"]


def compare(records: pd.DataFrame, params: Compare) -> pd.DataFrame:
    """One row a contrast, with COLUMNS; empty where no transfer was run.

    A headline is the mean over all budgets and steps of a setting. Its family is the headlines of that setting, one
    for each entry of `compare.against`. A statement is made only where it holds in every setting, so nothing is
    corrected across settings (intersection-union test: Berger 1982). Contrasts at single points describe; each point
    is a family of its own.
    """
    found = []
    for setting, rows in settings(transfer_rows(records)):
        found += contrasts(rows, params, {"kind": HEADLINE, **setting, "budget_asked": NAN, "steps": NAN})
        for budget, steps in sorted(set(zip(rows.budget_asked, rows.steps, strict=True))):
            labels = {"kind": AT_POINT, **setting, "budget_asked": float(budget), "steps": float(steps)}
            found += contrasts(rows[(rows.budget_asked == budget) & (rows.steps == steps)], params, labels)
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    return correct(pd.DataFrame(found), params)[COLUMNS]


def contrasts(rows: pd.DataFrame, params: Compare, labels: dict[str, object]) -> list[dict[str, object]]:
    """The family of one setting or point: a row against each rival, without correction."""
    points = {
        "budgets": " ".join(f"{budget:g}" for budget in sorted(rows.budget_asked.unique())),
        "steps_averaged": " ".join(str(steps) for steps in sorted(rows.steps.unique())),
    }
    family = "/".join(f"{value:g}" if isinstance(value, float) else str(value) for value in labels.values())
    family = family.replace("/nan", "")
    roles = rows.drop_duplicates("method").set_index("method").role
    found, scores = [], tabulate(rows)
    for rival in params.against:
        measured = measure(pair(scores, params.method, rival), params, f"{family}/{params.method}-{rival}")
        names = {"family": family, "method": params.method, "rival": rival, "role": roles.get(rival, "rival")}
        found.append({**labels, **points, **names, **asdict(measured)})
    return found


def correct(frame: pd.DataFrame, params: Compare) -> pd.DataFrame:
    """Add what depends on the family: Holm's p, the family's size, and whether it can reject at all."""
    frame = frame.copy()
    families = frame.groupby("family", sort=False)
    frame["p_holm"] = families["p"].transform(lambda p: holm(p.to_numpy()))
    frame["family_size"] = families["p"].transform("size")
    frame["can_reject"] = [
        can_reject(smallest, size, params.alpha)
        for smallest, size in zip(frame.smallest_p, frame.family_size, strict=True)
    ]
    frame["equivalent"] = frame.equivalence_p <= params.alpha
    return frame


def headlines(comparisons: pd.DataFrame) -> pd.DataFrame:
    return comparisons[comparisons.kind == HEADLINE]
