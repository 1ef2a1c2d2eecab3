"""Means with their spread: the numbers behind tables and figures."""

from collections.abc import Hashable

import numpy as np
import pandas as pd

from maskbank.records.schema import NONE
from maskbank.statistics.effects import half_width
from maskbank.statistics.pairing import POINT, SETTING, pair, settings, tabulate, transfer_rows

TRANSFER = [*SETTING, "budget_asked", "steps", "method", "role"]
TRANSFER_NUMBERS = [
    "n",
    "tasks",
    "failed",
    "accuracy",
    "sd",
    "half_width",
    "difference_to_dense",
    "budget_achieved",
    "off_budget",
]
SEEDED = [
    "stage", "dataset", "backbone", "recipe", "method", "pattern", "allocation", "schedule", "reconstruct", "bn",
    "budget_kind", "budget_asked",
]  # fmt: skip
SEEDED_NUMBERS = ["n", "failed", "accuracy", "sd", "budget_achieved", "off_budget"]


def off_budget(rows: pd.DataFrame) -> bool:
    """Whether the mean budget achieved misses the one asked by more than 0.5 % of it (rule P2)."""
    asked, achieved = rows.budget_asked.mean(), rows.budget_achieved.mean()
    return bool(abs(achieved - asked) > 0.005 * asked)


def transfer_means(records: pd.DataFrame) -> pd.DataFrame:
    """One row a setting, budget, T and method: accuracy over splits (seeds, then tasks averaged first)."""
    found = []
    for setting, rows in settings(transfer_rows(records)):
        reference = sorted(set(rows[rows.role == "reference"].method))
        for point in rows[POINT].drop_duplicates().to_dict("records"):
            here = rows[(rows.budget_asked == point["budget_asked"]) & (rows.steps == point["steps"])]
            scored = tabulate(here)
            for method, own in here.groupby("method", sort=True):
                scores = own.groupby(["split", "task"]).accuracy.mean().groupby("split").mean().dropna()
                paired = pair(scored, str(method), reference[0]).clusters if reference else np.empty(0)
                sd = float(scores.std(ddof=1))
                numbers: dict[Hashable, object] = {
                    "method": method,
                    "role": own.role.iloc[0],
                    "n": len(scores),
                    "tasks": len(own[own.accuracy.notna()][["split", "task"]].drop_duplicates()),
                    "failed": int((own.status != "ok").sum()),
                    "accuracy": float(scores.mean()),
                    "sd": sd,
                    "half_width": half_width(sd, len(scores)),
                    "difference_to_dense": float(paired.mean()) if len(paired) else np.nan,
                    "budget_achieved": own.budget_achieved.mean(),
                    "off_budget": own.role.iloc[0] != "reference" and off_budget(own),
                }
                found.append(setting | dict(point) | numbers)
    frame = pd.DataFrame(found, columns=[*TRANSFER, *TRANSFER_NUMBERS])
    return frame.sort_values(TRANSFER, kind="stable", ignore_index=True)


def seeded_means(records: pd.DataFrame) -> pd.DataFrame:
    """One row a stage (compress, sparsify), backbone, recipe, method and budget: accuracy over seeds."""
    rows = records[records.stage.isin(["compress", "sparsify"])]
    rows = rows.assign(unit=rows.pretrain_seed.fillna(rows.seed).where(rows.stage == "compress", rows.seed))
    found = []
    for _, group in rows.groupby(SEEDED, sort=True):
        scores = group.groupby("unit").accuracy.mean().dropna()
        numbers: dict[Hashable, object] = {
            "n": len(scores),
            "failed": int((group.status != "ok").sum()),
            "accuracy": float(scores.mean()),
            "sd": float(scores.std(ddof=1)),
            "budget_achieved": group.budget_achieved.mean(),
            "off_budget": off_budget(group),
        }
        found.append(group[SEEDED].iloc[0].to_dict() | numbers)
    return pd.DataFrame(found, columns=[*SEEDED, *SEEDED_NUMBERS])


def pretrained_means(records: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy of the pretrained nets of each backbone and recipe, on all classes, over seeds."""
    rows = records[(records.stage == "pretrain") & (records.split == NONE)]
    return rows.groupby(["dataset", "backbone", "recipe"]).accuracy.mean().reset_index()
