"""Pretrained models: one row a model with what its training left, and what it cost."""

import numpy as np
import pandas as pd

from maskbank.records.schema import NONE

ADAM = "adam"  # the recipe that all others are compared with
MODEL = ["dataset", "backbone", "recipe", "stop", "unit"]
GROUP = ["dataset", "backbone", "stop"]  # models that compare with each other
MEASURED = ["train_accuracy", "train_loss", "validation_accuracy", "validation_loss", "stop_loss_reached"]
KEPT = ["cell_key", "status", "accuracy", "loss", "steps", "params", "macs", "train_macs"]
TIMED = ["adaptation_seconds", "machine_class"]
COLUMNS = [*MODEL, *KEPT, *MEASURED, "gap", *TIMED, "excluded"]


def pretrained(records: pd.DataFrame, metrics: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """One row a model pretrained on all classes, with COLUMNS; `unit` is its seed.

    `gap` is training minus test accuracy. `excluded` marks a model of stop "loss" that is not known to have reached that
    loss: it is no matched-loss model and enters no comparison. A model that failed is missing, not excluded.
    """
    rows = records[(records.stage == "pretrain") & (records.split == NONE)]
    rows = rows.assign(unit=rows.pretrain_seed.fillna(rows.seed).astype(float))
    found = metrics[metrics.metric.isin(MEASURED) & metrics.cell_key.isin(rows.cell_key)]
    wide = found.pivot_table(index=["cell_key", "steps"], columns="metric", values="value", aggfunc="first")
    wide = wide.reindex(columns=MEASURED).astype(float).reset_index()
    keys = {"cell_key": rows.cell_key.dtype, "steps": rows.steps.dtype}
    rows = rows.merge(wide.astype(keys), on=["cell_key", "steps"], how="left")
    rows = rows.merge(timings[["cell_key", *TIMED]].astype({"cell_key": keys["cell_key"]}), on="cell_key", how="left")
    unmatched = (rows.stop == "loss") & rows.accuracy.notna() & (rows.stop_loss_reached != 1)
    rows = rows.assign(gap=rows.train_accuracy - rows.accuracy, excluded=unmatched)
    return rows[COLUMNS].sort_values(MODEL, ignore_index=True)


def recipes_in(rows: pd.DataFrame) -> list[str]:
    """Recipes but Adam, in sorted order."""
    return sorted(set(rows.recipe) - {ADAM})


def matched(rows: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """The same rows (with the columns MODEL) without those of models that were excluded."""
    rest = pd.MultiIndex.from_frame(models.loc[models.excluded, MODEL])
    return rows[~pd.MultiIndex.from_frame(rows[MODEL]).isin(rest)] if len(rest) else rows


def spread(values: pd.Series) -> dict[str, float]:
    """Number, mean and sample sd of what is known."""
    known = values.dropna().to_numpy(float)
    return {
        "n": len(known),
        "mean": float(known.mean()) if len(known) else np.nan,
        "sd": float(known.std(ddof=1)) if len(known) > 1 else np.nan,
    }
