"""Comparisons: the method against each rival, in every setting, as headlines and point by point."""

from dataclasses import asdict, fields

import pandas as pd

from maskbank.config import Compare
from maskbank.statistics.contrast import NOT_RUN, Contrast, measure
from maskbank.statistics.holm import can_reject, holm
from maskbank.statistics.pairing import SCORED, SETTING, Scores, pair, roles_of, settings, tabulate, transfer_rows

HEADLINE = "headline"
AT_POINT = "point"
BY_TASK_SPLIT = "task_split"
EVERY = "all"
NAN = float("nan")
LABELS = [
    "kind", "family", *SETTING, "task_split", "budget_asked", "budgets", "steps", "steps_averaged", "method", "rival",
    "role",
]  # fmt: skip
MEASURED = [field.name for field in fields(Contrast) if field.name != "missing"]
COLUMNS = [*LABELS, *MEASURED, "p_holm", "family_size", "can_reject", "equivalent", "missing", "barred"]


def compare(records: pd.DataFrame, params: Compare) -> pd.DataFrame:
    """One row a contrast, with COLUMNS; empty where no transfer was run.

    A headline is the mean over all budgets and steps of a setting at which both methods were run; `budgets` and
    `steps_averaged` say which. Its family is the headlines of that setting, one for each entry of `compare.against`
    that was run in it. A
    statement is made only where it holds in every setting, so nothing is corrected across settings (intersection-union
    test: Berger 1982). Contrasts at single points and of single task splits describe; each is a family of its own.
    `barred` is left for the rules to fill (`maskbank.statistics.bars`).
    """
    rows = transfer_rows(records[SCORED])
    roles = roles_of(rows)
    found = []
    for setting, group in settings(rows):
        scores, whole = tabulate(group), {**setting, "task_split": EVERY, "budget_asked": NAN, "steps": NAN}
        found += contrasts(scores, params, {"kind": HEADLINE, **whole})
        for name, part in group.groupby("task_split", sort=True):
            labels = {"kind": BY_TASK_SPLIT, **whole, "task_split": str(name)}
            found += ran_only(contrasts(tabulate(part), params, labels))
        for budget, steps, here in scores.each_point():
            point = {"budget_asked": budget, "steps": steps}
            found += ran_only(contrasts(here, params, {"kind": AT_POINT, **whole, **point}))
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    frame = correct(pd.DataFrame(found), params)
    return frame.assign(role=frame.rival.map(roles).fillna("rival"), barred="")[COLUMNS]


def ran_only(found: list[dict[str, object]]) -> list[dict[str, object]]:
    return [row for row in found if row["status"] != NOT_RUN]


def contrasts(scores: Scores, params: Compare, labels: dict[str, object]) -> list[dict[str, object]]:
    """The family of one setting, task split or point: a row against each rival, without correction."""
    family = "/".join(f"{value:g}" if isinstance(value, float) else str(value) for value in labels.values())
    family = family.replace("/nan", "")
    found = []
    for rival in params.against:
        points = scores.points[scores.ran(params.method, rival)]
        shared = {
            "budgets": " ".join(f"{budget:g}" for budget in sorted(points.budget_asked.unique())),
            "steps_averaged": " ".join(str(steps) for steps in sorted(points.steps.unique())),
        }
        measured = measure(pair(scores, params.method, rival), params)
        found.append(
            {**labels, "family": family, **shared, "method": params.method, "rival": rival, **asdict(measured)}
        )
    return found


def correct(frame: pd.DataFrame, params: Compare) -> pd.DataFrame:
    """Add what depends on the family: Holm's p, the family's size, and whether it can reject at all.

    What was not run in a setting is no test of it; a test that is refused keeps its place.
    """
    frame = frame.copy()
    ran = frame[frame.status != NOT_RUN]
    families = ran.groupby("family", sort=False)
    frame["p_holm"] = families["p"].transform(lambda p: holm(p.to_numpy()))
    frame["family_size"] = frame.family.map(families.size()).fillna(0).astype(int)
    frame["can_reject"] = [
        size > 0 and can_reject(smallest, size, params.alpha)
        for smallest, size in zip(frame.smallest_p, frame.family_size, strict=True)
    ]
    frame["equivalent"] = frame.equivalence_p <= params.alpha
    return frame


def headlines(comparisons: pd.DataFrame) -> pd.DataFrame:
    return comparisons[comparisons.kind == HEADLINE]
