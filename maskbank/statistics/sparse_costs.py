"""What sparse training costs and what it leaves: MACs, seconds, live parameters at their peak, bytes of checkpoints."""

import numpy as np
import pandas as pd

from maskbank.records.schema import NONE
from maskbank.statistics.sparse_arms import ARM, PARALLEL, TASK, dense_beside
from maskbank.statistics.sparse_curves import WORKER_KEYS, worker_rows
from maskbank.statistics.traces import CELLS, joined

FORMS = ("dense", "masked", "packed")
SHARES = ["sparsity", "macs_share", "train_share", "selection_share", "peak_share", "sequential_share"]
AMOUNTS = ["steps", "sequential_steps", "cpu_seconds", *(f"bytes_{form}" for form in FORMS)]
KEYS = [*ARM, "role", "schedule", "choice", "metric"]
COSTS = ["cell_key", *KEYS, "seed", "score", *SHARES, *AMOUNTS]
MEANS = [*KEYS, "n", "score", *SHARES, *AMOUNTS, CELLS]


def sparse_costs(
    rows: pd.DataFrame, records: pd.DataFrame, metrics: pd.DataFrame, timings: pd.DataFrame
) -> pd.DataFrame:
    """One row a cell, with COSTS; `rows` are those of `at_best`.

    `sparsity` counts layers that stay dense; `macs_share` is of the inference of the dense model, all theoretical. `train_share`
    and `selection_share` are relative to the dense training of the same setting, `peak_share` is the most live parameters at
    one time (of P-GaP in one worker) of the dense model's, `sequential_share` the steps that cannot run side by side of the dense
    training's steps. `cpu_seconds` are all of a method's, workers included; NaN where the cells of a data set and backbone
    ran on several machine classes (rule X14).
    """
    own = metrics[metrics.cell_key.isin(rows.cell_key)]
    alone = own[own.setting == NONE].pivot_table(index="cell_key", columns="metric", values="value")
    alone = alone.reindex(rows.cell_key, columns=["params_peak", "sequential_steps"]).set_axis(rows.index)
    stored = own[own.metric == "checkpoint_bytes"].pivot_table(index="cell_key", columns="setting", values="value")
    stored = stored.reindex(rows.cell_key, columns=FORMS).set_axis(rows.index).add_prefix("bytes_")
    sequential = alone.sequential_steps.fillna(rows.steps.astype(float).where(rows.method != PARALLEL))
    dense = dense_amounts(rows)
    found = rows.assign(
        sparsity=1 - rows.params / rows.params_dense, macs_share=rows.macs / rows.macs_dense,
        train_share=rows.train_macs / dense.train_macs, selection_share=rows.selection_macs / dense.train_macs,
        peak_share=alone.params_peak / rows.params_dense, sequential_steps=sequential, sequential_share=sequential / dense.steps,
        cpu_seconds=seconds(rows, records, timings),
    )  # fmt: skip
    return pd.concat([found, stored.astype(float)], axis=1)[COSTS]


def dense_amounts(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each row, mean training MACs and steps of the dense reference of its setting; NaN where it was not run."""
    found = {}
    for dataset, backbone, setup in set(zip(rows.dataset, rows.backbone, rows.setup, strict=True)):
        dense = dense_beside(rows, dataset, backbone, setup)
        found[dataset, backbone, setup] = (dense.train_macs.mean(), dense.steps.mean())
    keys = zip(rows.dataset, rows.backbone, rows.setup, strict=True)
    return pd.DataFrame([found[key] for key in keys], rows.index, columns=["train_macs", "steps"], dtype=float)


def seconds(rows: pd.DataFrame, records: pd.DataFrame, timings: pd.DataFrame) -> pd.Series:
    """CPU seconds of each row with those of its workers; NaN where any is not known, or machine classes differ."""
    timed = timings.set_index("cell_key")
    workers = worker_rows(records)
    workers = workers.assign(spent=timed.cpu_seconds.reindex(workers.cell_key).to_numpy(float))
    spent = workers.groupby(WORKER_KEYS).spent.agg(lambda each: each.sum(skipna=False))
    more = (
        spent.reindex(pd.MultiIndex.from_frame(rows[WORKER_KEYS])).fillna(0 if spent.empty else np.nan).to_numpy(float)
    )
    total = timed.cpu_seconds.reindex(rows.cell_key).to_numpy(float) + np.where(rows.method == PARALLEL, more, 0)
    both = pd.concat([rows[["cell_key", *TASK]], workers[["cell_key", *TASK]]], ignore_index=True)
    both = both.assign(machine=timed.machine_class.reindex(both.cell_key).to_numpy(object))
    machines = both.groupby(TASK).machine.nunique()
    several = machines.reindex(pd.MultiIndex.from_frame(rows[TASK])).to_numpy() > 1
    return pd.Series(np.where(several, np.nan, total), rows.index, dtype=float)


def cost_means(costs: pd.DataFrame) -> pd.DataFrame:
    """One row an arm, with MEANS over seeds; what is not known of any seed is left out of a mean, `n` counts scores."""
    groups = costs.groupby(KEYS, sort=True)
    found = groups[["score", *SHARES, *AMOUNTS]].mean()
    return found.assign(n=groups.score.count(), **{CELLS: groups.cell_key.agg(joined)}).reset_index()[MEANS]
