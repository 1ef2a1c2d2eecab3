"""What structured pruning keeps of the model it came from: accuracy, alone and under attack, and size."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from maskbank.records.schema import NONE

ATTACKED = "robust_accuracy"  # metric whose setting is the attack, "pgd eps 0.03"
MODEL = ["dataset", "backbone", "recipe", "unit"]
SETTING = ["dataset", "backbone", "recipe", "pattern", "allocation", "schedule", "reconstruct", "bn", "budget_kind"]
NO_CONTROL, AT_ZERO = "no dense control that ended ok", "the dense control is right on nothing"


def structured_rows(records: pd.DataFrame) -> pd.DataFrame:
    """Rows of the compress stage whose units were removed; `unit` is the pretraining seed, `removed` a fraction.

    Of models as they were trained for their steps; folded models and other stops are compared by recipe (`recipes`).
    """
    rows = records[(records.stage == "compress") & records.pattern.str.startswith("units") & plain_models(records)]
    return rows.assign(unit=rows.pretrain_seed.fillna(rows.seed), removed=1 - rows.budget_achieved)


def plain_models(records: pd.DataFrame) -> pd.Series:
    """Marks the rows of models as they were trained, for a number of steps, with float32 activations."""
    usual = records.form.isin(["trained", NONE]) & records.stop.isin(["steps", NONE])
    return usual & records.activation_bits.isna()


def kept_rows(records: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """One row a structured cell and attack ("none": without), with columns of the records and five more.

    `value`: the fraction of the test set still right, NaN for a cell that failed; `dense`: that of the unpruned control
    with the same backbone, recipe and pretraining seed under the same attack, `control` its cell key; `kept`: value / dense,
    NaN where the control is missing or right on nothing; `lacks`: in words what is missing, or "".
    """
    rows = structured_rows(records)
    found = metrics[metrics.metric == ATTACKED].rename(columns={"setting": "attack"})
    found = found[["cell_key", "steps", "attack", "value"]].astype({"steps": "int64", "value": "float64"})
    attacked = rows.merge(found, on=["cell_key", "steps"])
    clean = rows.assign(attack=NONE, value=rows.accuracy.astype(float))
    lost = clean[clean.value.isna()].drop(columns="attack").merge(attacked[[*SETTING, "attack"]].drop_duplicates())
    every = pd.concat([part for part in (clean, attacked, lost) if len(part)] or [clean], ignore_index=True)
    every = every.merge(controls(every), on=[*MODEL, "attack"], how="left")
    every = every.assign(kept=every.value / every.dense.where(every.dense > 0), lacks="")
    every["lacks"] = every.lacks.mask(every.dense == 0, AT_ZERO).mask(every.dense.isna(), NO_CONTROL)
    return every.assign(lacks=every.lacks.mask(every.value.isna(), "cell " + every.status))


def controls(rows: pd.DataFrame) -> pd.DataFrame:
    """The unpruned model of each (dataset, backbone, recipe, seed) and attack as `dense`, its cell as `control`.

    BN kept goes before re-estimated. One that collapsed is none: of a constant answer nothing can be lost.
    """
    whole = rows[(rows.role == "reference") & (rows.budget_asked == 1) & (rows.status == "ok") & rows.value.notna()]
    changed = whole.assign(changed=whole.bn == "reestimated").sort_values(["changed", "cell_key"])
    first = changed.drop_duplicates([*MODEL, "attack"])
    return first[[*MODEL, "attack", "value", "cell_key"]].rename(columns={"value": "dense", "cell_key": "control"})


def attack_order(attack: str) -> tuple[str, float]:
    """Sorts "none" first, then attacks by name and eps."""
    name, _, eps = attack.partition(" eps ")
    return ("" if attack == NONE else name, float(eps or 0))


def setting_words(row: Mapping[Any, Any] | pd.Series, keys: Sequence[str]) -> str:
    """Labels of a setting in one line; defaults are left out."""
    words = {key: str(row[key]) for key in keys if row[key] not in (NONE, "one_shot")}
    return ", ".join(f"BN {word}" if key == "bn" else word for key, word in words.items())
