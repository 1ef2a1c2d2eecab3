"""What sparse training costs, with the bytes of checkpoints: a row an arm."""

from typing import Any

import numpy as np
import pandas as pd

from maskbank.report.order import in_setup_order
from maskbank.report.run import Run
from maskbank.report.sparse_accuracy import arm_groups, arm_name
from maskbank.report.table import Columns, groups_of
from maskbank.report.words import how_words, number, points, removed, task_words

ORDER = 180
TITLE = "Cost of sparse training"
CAPTION = (
    "Means over seeds of each arm at its chosen learning-rate schedule. Parameters removed counts layers that stay dense. "
    "Inference MACs and peak live parameters are of the dense model's, MACs of training and selection of the dense training's "
    "in the same setting; all are theoretical, as masked weights are simulated. Steps over sequential steps: the most that side "
    "by side training can save (P-GaP alone). CPU seconds count P-GaP's workers, and are left out where machine classes "
    "differ. Checkpoints: all weights, weights and a boolean mask, non-zero values and a packed mask (kB are 1000 bytes)."
)
TOGETHER = 3
SHARES = {
    "inference MACs": "macs_share", "training MACs": "train_share", "selection MACs": "selection_share",
    "peak live parameters": "peak_share",
}  # fmt: skip


def read(run: Run) -> pd.DataFrame:
    return run.sparse.costs


def rows(run: Run, data: pd.DataFrame) -> pd.DataFrame:
    shown = data.assign(milder=-data.budget_asked).sort_values(["pattern", "allocation", "milder"], kind="stable")
    keys = ["dataset", "backbone", "setup", "pattern", "allocation", "budget_asked"]
    groups = groups_of(in_setup_order(shown), keys, sort=False)
    return pd.concat([data.iloc[:0], *(own for group in groups for own in arm_groups(group))])


def columns(run: Run, data: pd.DataFrame) -> Columns:
    def shown(name: str, digits: int = 2, scale: float = 1) -> Any:
        return lambda row: number(row[name] / scale, digits)

    return {
        "model": task_words,
        "setting": how_words,
        "removed": lambda row: removed(row["budget_asked"]),
        "method": arm_name,
        "score": lambda row: points(row["score"]),
        "parameters removed (%)": lambda row: points(row["sparsity"]),
        **{head: shown(name) for head, name in SHARES.items()},
        "steps": shown("steps", 0),
        "sequential steps": shown("sequential_steps", 0),
        "steps over sequential steps": lambda row: number(row["steps"] / (row["sequential_steps"] or np.nan)),
        "CPU s": shown("cpu_seconds", 1),
        **{f"{form} kB": shown(f"bytes_{form}", 1, 1000) for form in ("dense", "masked", "packed")},
        "n": lambda row: str(row["n"]),
    }
