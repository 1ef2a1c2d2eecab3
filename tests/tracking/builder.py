"""Small record tables for the tests of tracking."""

from pathlib import Path
from typing import Any

import pandas as pd

from maskbank.records.load import write_table
from maskbank.records.schema import SCHEMA_VERSION

STEPS = (0, 10, 30)
TRANSFER = {
    "stage": "transfer", "profile": "smoke", "dataset": "digits", "backbone": "resnet20", "recipe": "adam",
    "method": "smsp", "role": "method", "task": "s0/t0", "task_split": "heldout", "split": "s0", "ways": 3.0,
    "shots": 10.0, "pattern": "units", "allocation": "uniform", "schedule": "one_shot", "reconstruct": "none",
    "bn": "reestimated", "form": "none", "activation_bits": None, "stop": "none", "setup": "same-schedule",
    "budget_kind": "units", "budget_asked": 0.1, "budget_achieved": 0.101, "pretrain_seed": 0.0, "seed": 0,
    "status": "ok", "reason": "",
    "accuracy_dense": 0.9, "loss": 0.5, "params": 1e4, "params_dense": 1e5, "macs": 1e6, "macs_dense": 1e7,
    "bytes": 4e4, "train_macs": 1e9, "selection_macs": 1e8, "dense_hash": "d0", "splits_hash": "p0",
    "evidence_hash": "e0", "code_version": "c0", "schema_version": SCHEMA_VERSION, "suite": "fake",
    "suite_version": "1", "tuning": "default",
    "variant": "default", "bank": "amp", "tuning_macs": 0.0, "trials": 1, "numerics_class": "n0", "leak": "none",
}  # fmt: skip


def cell(key: str, **changes: Any) -> dict[str, Any]:
    """One cell: the labels of its rows, with changes."""
    return {**TRANSFER, "cell_key": key, **changes}


def record_rows(one: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"accuracy": 0.5 + steps / 100, **one, "steps": steps} for steps in STEPS]


def metric_rows(one: dict[str, Any]) -> list[dict[str, Any]]:
    labels = {"cell_key": one["cell_key"], "steps": 30}
    more = [name for name in ("stop_loss_reached",) if name in one]
    return [
        *({**labels, "metric": name, "setting": "none", "value": one[name]} for name in more),
        {**labels, "metric": "calibration", "setting": "bins=15", "value": 0.05},
        {**labels, "metric": "robust", "setting": "none", "value": 0.25},
    ]


def write_cells(folder: Path, cells: list[dict[str, Any]]) -> None:
    """Write records, metrics, curves and timings of these cells."""
    keys = [one["cell_key"] for one in cells]
    tables: dict[str, list[dict[str, Any]]] = {
        "records": [row for one in cells for row in record_rows(one)],
        "metrics": [row for one in cells for row in metric_rows(one)],
        "curves": [
            {"cell_key": key, "step": step, "metric": "loss", "value": 1 / step} for key in keys for step in (1, 2, 4)
        ],
        "timings": [
            {"cell_key": key, "cpu_seconds": 1.5, "wall_seconds": 2.0, "selection_seconds": 0.5, "adaptation_seconds": 0.4,
             "latency_ms": None,
             "latency_low_ms": None, "latency_high_ms": None, "latency_dense_ms": None, "peak_memory_mb": 100.0,
             "machine_class": "test"} for key in keys
        ],
    }  # fmt: skip
    for name, rows in tables.items():
        write_table(name, pd.DataFrame(rows), folder)


def five_cells() -> list[dict[str, Any]]:
    """Two methods at two budgets of one task, and a pretrained checkpoint, which has no task."""
    return [
        cell("k1"),
        cell("k2", budget_asked=0.2),
        cell("k3", method="l2", role="rival"),
        cell("k4", method="l2", role="rival", budget_asked=0.2),
        cell("k5", stage="pretrain", method="dense", role="reference", task="none", task_split="none", split="none",
             ways=None, shots=None, allocation="none", budget_kind="none", budget_asked=None, seed=1),
    ]  # fmt: skip
