"""Sparse training by arm: one score a cell, and the learning-rate schedule that validation chose for each arm.

An arm is a method at one budget in one setting (data set, backbone, pattern, allocation, setup); nothing is averaged over
these. Learning-rate schedules are trials of an arm: the number of them is compared, and arms that lack one are named.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from maskbank.records.schema import NONE
from maskbank.statistics.traces import CELLS, joined
from maskbank.statistics.transfer import DEFAULT

TASK = ["dataset", "backbone"]
SETTING = [*TASK, "pattern", "allocation", "setup"]
ARM = [*SETTING, "method", "variant", "budget_asked"]
GAPS = ("c_gap", "p_gap")
DENSE, PARALLEL = "dense", "p_gap"
IMAGES = "accuracy"  # the metric of classification, a column of the records; all others are in the table of metrics
VALIDATION = "validation_"
RATES = ("restart", "cosine", "constant")  # in the order in which ties are settled
COUNTED = [
    "status", "reason", "steps", "accuracy", "params", "params_dense", "macs", "macs_dense", "bytes", "train_macs",
    "selection_macs", "budget_achieved",
]  # fmt: skip
ROW = ["cell_key", *ARM, "role", "schedule", "seed", *COUNTED, "metric", "score", "validation_score", "tried"]
CHOSEN, NOT_CHOSEN, UNEQUAL = "chosen", "not chosen", "unequal trials"
CHOICE = [
    *ARM, "role", "metric", "schedule", "n", "failed", "validation_score", "score", "sd", "choice", "lacks", CELLS,
]  # fmt: skip
Tried = dict[Any, set[str]]
SETUPS = ("same-steps", "same-line", "same-macs", "paper-schedule")


def sparse_rows(records: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """One row a cell of the stage sparsify, with ROW.

    `metric` names what a workload is judged by; `score` is it on the test set, `validation_score` on validation (0 to 1, NaN
    of a cell that failed). `tried`: the schedules that its arm was run with. Rows of the stage grow are workers of P-GaP, and no
    arms.
    """
    rows = records[records.stage == "sparsify"].astype({"budget_asked": float})
    own = metrics[metrics.cell_key.isin(rows.cell_key) & (metrics.setting == NONE)]
    rows = rows.assign(metric=metric_names(rows, own))
    tested = valued(rows, rows.metric, own)
    rows = rows.assign(
        score=rows.accuracy.astype(float).where(rows.metric == IMAGES, tested),
        validation_score=valued(rows, VALIDATION + rows.metric, own),
    )
    tried = rows.groupby(ARM).schedule.agg(lambda rates: " ".join(in_rate_order(rates)))
    rows = rows.merge(tried.rename("tried"), on=ARM, how="left")
    return rows[ROW].sort_values([*ARM, "schedule", "seed"], ignore_index=True)


def metric_names(rows: pd.DataFrame, metrics: pd.DataFrame) -> pd.Series:
    """Of each row: the name that is measured both as it is and on validation in its data set and backbone, else accuracy."""
    measured = rows[["cell_key", *TASK]].merge(metrics[["cell_key", "metric"]], on="cell_key")
    found = {}
    for task, names in measured.groupby(TASK).metric.unique().items():
        both = sorted(name for name in names if VALIDATION + name in set(names))
        found[task] = both[0] if both else IMAGES
    keys = zip(rows.dataset, rows.backbone, strict=True)
    return pd.Series([found.get(key, IMAGES) for key in keys], rows.index, dtype=object)


def valued(rows: pd.DataFrame, names: pd.Series, metrics: pd.DataFrame) -> pd.Series:
    """Of each row the value of the metric named for it; NaN where there is none."""
    known = metrics.set_index(["cell_key", "steps", "metric"]).value.astype(float).to_dict()
    keys = zip(rows.cell_key, rows.steps, names, strict=True)
    return pd.Series([known.get(key, np.nan) for key in keys], rows.index, dtype=float)


def rate_choices(rows: pd.DataFrame) -> pd.DataFrame:
    """One row an arm and learning-rate schedule, with CHOICE; `rows` are those of `sparse_rows`.

    `choice`: "chosen" is the best of its arm by mean validation score over seeds; it is "unequal trials" instead where the arm
    lacks a schedule that another arm of its setting and budget was run with, and `lacks` names it. The test score has no part
    in it. Dense stands in no setting, and lacks none.
    """
    found: list[dict[object, object]] = []
    for names, arm in rows.groupby(ARM, sort=True):
        best = best_rate(arm)
        for rate in in_rate_order(arm.schedule):
            own = arm[arm.schedule == rate]
            found.append(dict(zip(ARM, names, strict=True)) | {
                "role": own.role.iloc[0], "metric": own.metric.iloc[0], "schedule": rate, "n": int(own.score.count()),
                "failed": int((own.status != "ok").sum()), "validation_score": own.validation_score.mean(),
                "score": own.score.mean(), "sd": own.score.std(ddof=1), "choice": CHOSEN if rate == best else NOT_CHOSEN,
                CELLS: joined(own.cell_key),
            })  # fmt: skip
    table = pd.DataFrame(found, columns=[name for name in CHOICE if name != "lacks"]).astype({"budget_asked": float})
    usual = table[(table.variant == DEFAULT) & (table.role != "reference")]
    tried = usual.groupby([*SETTING, "budget_asked"]).schedule.agg(set).to_dict()
    own_rates = rates_tried(table)
    lacks = []
    for row in table.to_dict("records"):
        others = tried.get(tuple(row[name] for name in [*SETTING, "budget_asked"]), set())
        missing = others - own_rates[tuple(row[name] for name in ARM)] if row["role"] != "reference" else set()
        lacks.append(", ".join(in_rate_order(missing)))
    table = table.assign(lacks=pd.Series(lacks, table.index, dtype=object))
    return table.assign(choice=table.choice.mask((table.choice == CHOSEN) & (table.lacks != ""), UNEQUAL))[CHOICE]


def best_rate(arm: pd.DataFrame) -> str:
    """The schedule with the best mean validation score over the seeds that all have; those with failed seeds come last.

    Ties are settled by the order of RATES.
    """
    table = arm.groupby(["seed", "schedule"]).validation_score.mean().unstack("schedule")
    counts = table.count()
    table = table[in_rate_order(counts.index[counts == counts.max()])]
    shared = table.dropna()
    means = (shared if len(shared) else table).mean().round(12).fillna(-1.0)
    return str(means.idxmax())


def in_rate_order(rates: Iterable[str]) -> list[str]:
    return sorted(set(rates), key=lambda rate: (RATES.index(rate) if rate in RATES else len(RATES), rate))


def at_best(rows: pd.DataFrame, choices: pd.DataFrame) -> pd.DataFrame:
    """The rows of each arm at its best schedule by validation, with `choice` and `lacks`."""
    best = choices[choices.choice != NOT_CHOSEN][[*ARM, "schedule", "choice", "lacks"]]
    return rows.merge(best, on=[*ARM, "schedule"], how="inner")


def rates_tried(choices: pd.DataFrame) -> Tried:
    """Arm, as values of ARM -> the schedules that it was run with."""
    return choices.groupby(ARM).schedule.agg(set).to_dict() if len(choices) else {}


def dense_beside(rows: pd.DataFrame, dataset: str, backbone: str, setup: str) -> pd.DataFrame:
    """The dense reference of a setting: it has no pattern and no allocation.

    At equal MACs and in the same line dense training takes the steps that it takes at equal steps, so that these rows serve
    where none are of that setup.
    """
    dense = rows[(rows.role == "reference") & (rows.dataset == dataset) & (rows.backbone == backbone)]
    own = dense[dense.setup == setup]
    return dense[dense.setup == "same-steps"] if own.empty and setup in ("same-macs", "same-line") else own


def in_line_beside(rows: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """What a setting "same-line" compares with: a method without workers takes the steps there that it takes at equal steps."""
    if own.empty or own.setup.iloc[0] != "same-line":
        return rows.iloc[:0]
    keys = ["dataset", "backbone", "pattern", "allocation", "budget_asked"]
    same = (rows[keys] == own[keys].iloc[0]).all(axis=1) & (rows.setup == "same-steps") & (rows.role != "reference")
    return rows[same & ~rows.method.isin([*own.method, PARALLEL])]


def usual_first(names: Iterable[str]) -> list[str]:
    """Patterns or allocations: unstructured, uniform and what does not apply before others."""
    return sorted(set(names), key=lambda name: (name not in ("unstructured", "uniform", NONE), name))
