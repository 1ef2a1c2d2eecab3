"""GaP against each other method and against dense, paired by seed, each arm at the learning rate that validation chose."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from maskbank.config import Compare
from maskbank.statistics.contrast import TESTED, measure
from maskbank.statistics.equivalence import not_below
from maskbank.statistics.pairing import DEFAULT
from maskbank.statistics.recipes import corrected, told
from maskbank.statistics.seeded import pair_seeds
from maskbank.statistics.sparse_arms import (
    GAPS,
    SETTING,
    UNEQUAL,
    Tried,
    at_best,
    dense_beside,
    rates_tried,
    trials_differ,
)
from maskbank.statistics.traces import AGAINST, CELLS, joined

LABELS = [
    *SETTING, "budget_asked", "metric", "method", "rival", "role", "rate", "rate_rival", "validation", "validation_rival",
    "best_rival",
]  # fmt: skip
TESTED_COLUMNS = [
    "status", "n", "difference", "sd", "ci_low", "ci_high", "wins", "ties", "losses", "p", "smallest_p", "p_holm",
    "family_size", "can_reject", "equivalence_p", "equivalent", "not_worse_p", "worse_p", "minimal_detectable_effect",
    "units_needed", "missing", CELLS, AGAINST,
]  # fmt: skip
COLUMNS = [*LABELS, *TESTED_COLUMNS]
ADJUSTED = ("p_holm", "family_size", "can_reject")
FAMILY = [*SETTING, "budget_asked", "method", "dense"]


def sparse_contrasts(rows: pd.DataFrame, choices: pd.DataFrame, params: Compare) -> pd.DataFrame:
    """One row a setting, budget, GaP method and other method, with COLUMNS: GaP minus the other, in the setting's metric.

    A family of Holm is one GaP method at one setting and budget against all others; dense is a family by itself, asked
    whether GaP matches it: `not_worse_p` is the one-sided p that GaP is not below it by the margin, `worse_p` that it is. The
    test of arms with unequal trials is refused. `best_rival` marks the rival with the best validation score among those with
    equal trials.
    """
    tried = rates_tried(choices)
    best = at_best(rows[rows.variant == DEFAULT], choices)
    sparse = best[best.role != "reference"]
    found: list[dict[str, Any]] = []
    for names, group in sparse.groupby([*SETTING, "budget_asked"], sort=True):
        labels = dict(zip([*SETTING, "budget_asked"], names, strict=True))
        dense = dense_beside(best, group.dataset.iloc[0], group.backbone.iloc[0], group.setup.iloc[0])
        others = [own for part in (group, dense) for _, own in part.groupby("method", sort=True)]
        for gap in GAPS:
            left = group[group.method == gap]
            against = [other for other in others if other.method.iloc[0] != gap]
            if len(left):
                found += marked([contrast(left, other, labels, tried, params) for other in against])
    frame = pd.DataFrame(found, columns=[name for name in COLUMNS if name not in ADJUSTED])
    frame = frame.astype({"budget_asked": float, "best_rival": bool}).assign(dense=frame.role == "reference")
    return corrected(frame, FAMILY, params.alpha)[COLUMNS]


def contrast(
    left: pd.DataFrame, right: pd.DataFrame, labels: dict[str, Any], tried: Tried, params: Compare
) -> dict[str, Any]:
    """One row before correction; left and right are the rows [seeds] of two arms."""
    own, other = left.iloc[0], right.iloc[0]
    unequal = trials_differ(tried, own, other)
    scored, against = (
        pd.DataFrame({"unit": side.seed.to_numpy(), "accuracy": side.score.to_numpy(), "point": 0})
        for side in (left, right)
    )
    pairs = pair_seeds(scored, against, ["point"])
    if unequal:
        pairs = replace(pairs, missing=(*pairs.missing, unequal))
    found = measure(pairs, params)
    tested, units = found.status == TESTED, pairs.clusters
    row = labels | {
        "metric": own.metric, "method": own.method, "rival": other.method, "role": other.role, "rate": own.schedule,
        "rate_rival": other.schedule, "validation": left.validation_score.mean(),
        "validation_rival": right.validation_score.mean(), "best_rival": False,
        "not_worse_p": not_below(units, -params.margin) if tested else np.nan,
        "worse_p": not_below(-units, params.margin) if tested else np.nan, **told(found, params),
        CELLS: joined(left.cell_key), AGAINST: joined(right.cell_key),
    }  # fmt: skip
    return row | ({"status": UNEQUAL} if unequal else {})


def marked(family: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows, the rival proper with the best validation score marked; ties go to the first by name."""
    rivals = [row for row in family if row["role"] == "rival" and row["status"] != UNEQUAL]
    known = [row for row in rivals if not np.isnan(row["validation_rival"])]
    if known:
        max(known, key=lambda row: row["validation_rival"])["best_rival"] = True
    return family
