"""Rows by pretraining recipe after compression without fine-tuning: kinds, points and units.

A setting is a data set, backbone, stop, form and BN handling; nothing is averaged over these.
"""

import numpy as np
import pandas as pd

from maskbank import patterns
from maskbank.records.schema import NONE

SETTING = ["dataset", "backbone", "stop", "form", "bn"]
POINT = [
    "method", "pattern", "allocation", "schedule", "reconstruct", "budget_kind", "budget_asked", "activations",
]  # fmt: skip
DENSE = "dense"
KINDS = (DENSE, "unstructured", "n:m", "blocks", "units", "weights", "activations")  # in the order they are shown


def compressed(records: pd.DataFrame) -> pd.DataFrame:
    """Rows of the stage compress in one shot, with `kind`, `unit` (the pretraining seed) and `activations`.

    `activations` is the width of the activations in bits, or "none" where they stay float32. The unpruned controls of
    structured pruning are left out: the dense models are those of the stage pretrain.
    """
    rows = records[(records.stage == "compress") & (records.role != "reference")]
    rows = rows[rows.schedule.isin(["one_shot", NONE])]
    known = rows.activation_bits.notna()
    widths = [f"{bits:g}" if has else NONE for bits, has in zip(rows.activation_bits, known, strict=True)]
    kinds = map(kind_of, rows.pattern, rows.budget_kind, known)
    return rows.assign(
        unit=rows.pretrain_seed.fillna(rows.seed).astype(float),
        activations=pd.Series(widths, rows.index, dtype=object),
        kind=pd.Series(list(kinds), rows.index, dtype=object),
    )


def kind_of(pattern: str, budget_kind: str, quantized_activations: bool) -> str:
    """One of KINDS."""
    if budget_kind == "bits":
        return "activations" if quantized_activations else "weights"
    kind = patterns.kind_of(pattern) or "unstructured"
    return "blocks" if kind == "block" else kind


def dense_rows(models: pd.DataFrame) -> pd.DataFrame:
    """The models before compression as rows of kind "dense", at no point; a fold changes no answer, so they have no form."""
    point = dict.fromkeys(POINT, None) | {"budget_asked": np.nan}
    return models.assign(form=NONE, bn=NONE, kind=DENSE, **point)
