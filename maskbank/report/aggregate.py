"""Means with their spread: the numbers behind tables and figures."""

from collections.abc import Hashable

import numpy as np
import pandas as pd

from maskbank.records.schema import NONE
from maskbank.statistics.effects import half_width
from maskbank.statistics.kept import SETTING as STRUCTURED_SETTING
from maskbank.statistics.kept import attack_order, kept_rows
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
    "stage", "dataset", "backbone", "recipe", "setup", "stop", "form", "method", "role", "pattern", "allocation", "schedule",
    "reconstruct", "bn", "budget_kind", "budget_asked", "activations",
]  # fmt: skip
SEEDED_NUMBERS = ["n", "failed", "accuracy", "sd", "budget_achieved", "off_budget"]
STRUCTURED = [*STRUCTURED_SETTING, "attack", "method", "role", "budget_asked"]
STRUCTURED_NUMBERS = [
    "n", "failed", "removed", "value", "sd", "dense", "dense_sd", "kept_n", "kept", "kept_sd", "off_budget",
]  # fmt: skip


def off_budget(rows: pd.DataFrame) -> bool:
    """Whether the mean budget achieved misses the one asked by more than 0.5 % of it (rule P2)."""
    asked, achieved = rows.budget_asked.mean(), rows.budget_achieved.mean()
    return bool(abs(achieved - asked) > 0.005 * asked)


def transfer_means(records: pd.DataFrame) -> pd.DataFrame:
    """One row a setting, budget, T and method: accuracy over splits (seeds, then tasks averaged first)."""
    found = []
    for setting, rows in settings(transfer_rows(records)):
        reference = sorted(set(rows[rows.role == "reference"].method))
        for point in rows[POINT].drop_duplicates().sort_values(POINT).to_dict("records"):
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
    return pd.DataFrame(found, columns=[*TRANSFER, *TRANSFER_NUMBERS])


def seeded_means(records: pd.DataFrame) -> pd.DataFrame:
    """One row a net, recipe, method and budget of the stage compress: accuracy over pretraining seeds.

    `activations` is their width in bits, or "none". Nothing is averaged over how nets were trained or folded.
    """
    rows = records[records.stage == "compress"]
    rows = rows.assign(unit=rows.pretrain_seed.fillna(rows.seed))
    widths = [NONE if np.isnan(bits) else f"{bits:g}" for bits in rows.activation_bits.astype(float)]
    rows = rows.assign(activations=pd.Series(widths, rows.index, dtype=object))
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


def structured_means(records: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """One row a setting, attack, method and budget of structured pruning, over pretraining seeds.

    `value` and `dense` are fractions right of the pruned net and of its dense control, `kept` is the mean over seeds of
    their ratio. Sds are of a sample. The control has no rows of its own.
    """
    rows = kept_rows(records, metrics)
    rows = rows[rows.role != "reference"]
    cells = (
        rows.assign(failed=rows.status != "ok")
        .groupby(STRUCTURED)
        .agg({"failed": "sum", "removed": "mean", "budget_achieved": "mean"})
    )
    shares = ["value", "dense", "kept"]
    seeds = rows.groupby([*STRUCTURED, "unit"])[shares].mean().groupby(STRUCTURED)
    number, mean, sd = seeds.count(), seeds.mean(), seeds.std(ddof=1)
    frame = cells.assign(
        n=number.value, value=mean.value, sd=sd.value, dense=mean.dense, dense_sd=sd.dense, kept_n=number.kept,
        kept=mean.kept, kept_sd=sd.kept,
    ).reset_index()  # fmt: skip
    frame["off_budget"] = (frame.budget_achieved - frame.budget_asked).abs() > 0.005 * frame.budget_asked
    place = {attack: place for place, attack in enumerate(sorted(set(frame.attack), key=attack_order))}
    by = [*STRUCTURED_SETTING, "place", "method", "budget_asked"]
    frame = frame.assign(place=frame.attack.map(place)).sort_values(by, kind="stable", ignore_index=True)
    return frame[[*STRUCTURED, *STRUCTURED_NUMBERS]]
