"""Means with their spread: the numbers behind tables and figures."""

import numpy as np
import pandas as pd
from scipy import stats

from maskbank.statistics.pairing import SETTING, pair, settings, transfer_rows

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
SEEDED = ["stage", "dataset", "backbone", "recipe", "method", "allocation", "bn", "budget_kind", "budget_asked"]
SEEDED_NUMBERS = ["n", "failed", "accuracy", "sd", "budget_achieved", "off_budget"]


def half_width(sd: float, n: int) -> float:
    """Half of the 95 % t-interval of a mean over n units; NaN below 2."""
    return float(stats.t.ppf(0.975, n - 1) * sd / np.sqrt(n)) if n > 1 else float("nan")


def off_budget(rows: pd.DataFrame) -> bool:
    """Whether the mean budget achieved misses the one asked by more than 0.5 % of it (rule P2)."""
    asked, achieved = rows.budget_asked.mean(), rows.budget_achieved.mean()
    return bool(abs(achieved - asked) > 0.005 * asked)


def transfer_means(records: pd.DataFrame) -> pd.DataFrame:
    """One row a setting, budget, T and method: accuracy over splits (seeds, then tasks averaged first)."""
    found = []
    for setting, rows in settings(transfer_rows(records)):
        reference = sorted(set(rows[rows.role == "reference"].method))
        for point in rows[["budget_asked", "steps"]].drop_duplicates().to_dict("records"):
            here = rows[(rows.budget_asked == point["budget_asked"]) & (rows.steps == point["steps"])]
            for method, own in here.groupby("method", sort=True):
                scores = own.groupby(["split", "task"]).accuracy.mean().groupby("split").mean().dropna()
                paired = pair(here, str(method), reference[0]).clusters if reference else np.empty(0)
                sd = float(scores.std(ddof=1))
                found.append(
                    {**setting, **point, "method": method, "role": own.role.iloc[0], "n": len(scores)}
                    | {"tasks": len(own[own.accuracy.notna()][["split", "task"]].drop_duplicates())}
                    | {"failed": int((own.status != "ok").sum()), "accuracy": float(scores.mean()), "sd": sd}
                    | {"half_width": half_width(sd, len(scores))}
                    | {"difference_to_dense": float(paired.mean()) if len(paired) else np.nan}
                    | {"budget_achieved": own.budget_achieved.mean()}
                    | {"off_budget": own.role.iloc[0] != "reference" and off_budget(own)}
                )
    frame = pd.DataFrame(found, columns=[*TRANSFER, *TRANSFER_NUMBERS])
    return frame.sort_values(TRANSFER, kind="stable", ignore_index=True)


def seeded_means(records: pd.DataFrame) -> pd.DataFrame:
    """One row a stage (compress, sparsify), backbone, recipe, method and budget: accuracy over seeds."""
    rows = records[records.stage.isin(["compress", "sparsify"])]
    rows = rows.assign(unit=rows.pretrain_seed.fillna(rows.seed).where(rows.stage == "compress", rows.seed))
    found = []
    for labels, group in rows.groupby(SEEDED, sort=True):
        scores = group.groupby("unit").accuracy.mean().dropna()
        found.append(
            dict(zip(SEEDED, labels, strict=True))
            | {"n": len(scores), "failed": int((group.status != "ok").sum()), "accuracy": float(scores.mean())}
            | {"sd": float(scores.std(ddof=1)), "budget_achieved": group.budget_achieved.mean()}
            | {"off_budget": off_budget(group)}
        )
    return pd.DataFrame(found, columns=[*SEEDED, *SEEDED_NUMBERS])


def pretrained_means(records: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy of the pretrained nets of each backbone and recipe, over all seeds, unseen splits apart."""
    rows = records[(records.stage == "pretrain") & (records.task_split != "unseen")]
    return rows.groupby(["dataset", "backbone", "recipe"], as_index=False).accuracy.mean()
