"""What happened when during sparse training: density of layers, loss and live parameters over the sequential steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from maskbank.statistics.sparse_arms import PARALLEL, SETTING, SETUPS, TASK, usual_first
from maskbank.statistics.transfer import DEFAULT

WORKER_KEYS = ["backbone", "dataset", "budget_asked", "pattern", "allocation", "schedule", "setup", "seed"]
DENSITY = "density/"
COURSE = [*SETTING, "method", "role", "budget_asked", "schedule", "seed", "round", "worker", "sequential_steps", "kind", "name",
          "start", "end", "value"]  # fmt: skip
ENDS = [*SETTING, "method", "role", "budget_asked", "layer", "n", "density"]
FINAL = -1.0  # in place of a round and a worker: a cell that trains alone


@dataclass(frozen=True)
class Stretch:
    """One cell of a training: its first sequential step, and how many it has."""

    cell_key: str
    round: float
    worker: float
    first: int
    steps: int
    params: float  # that are live at its end


def worker_rows(records: pd.DataFrame) -> pd.DataFrame:
    """Rows of the stage grow with `round` and `worker`, counted from 0."""
    rows = records[records.stage == "grow"]
    found = rows.variant.str.extract(r"^round (\d+) worker (\d+)$").astype(float)
    return rows.assign(round=found[0], worker=found[1]).dropna(subset=["round", "worker"])


def focus(rows: pd.DataFrame, budget: float) -> pd.DataFrame:
    """Rows of one pattern, allocation and budget in each data set, backbone and setup, the dense reference beside them.

    Single weights, allocation uniform, and the budget nearest to the one given, where they were run.
    """
    rows = rows[rows.variant == DEFAULT]
    found = []
    for _, group in rows.groupby(["dataset", "backbone", "setup"], sort=True):
        sparse, dense = group[group.role != "reference"], group[group.role == "reference"]
        if sparse.empty:
            continue
        for name in ("pattern", "allocation"):
            sparse = sparse[sparse[name] == usual_first(sparse[name])[0]]
        found.append(pd.concat([near_budget(sparse, budget), dense]))
    return pd.concat(found) if found else rows.iloc[:0]


def near_budget(rows: pd.DataFrame, budget: float) -> pd.DataFrame:
    """Rows of sparse models at one budget of each setting: the nearest to the one given, by ratio."""
    sparse = rows[(rows.role != "reference") & (rows.variant == DEFAULT)]
    far = np.abs(np.log(sparse.budget_asked.astype(float) / budget)).round(9)
    near = sparse[far == sparse.assign(far=far).groupby(SETTING)["far"].transform("min")]
    return near[near.budget_asked == near.groupby(SETTING).budget_asked.transform("min")]


def first_seed(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each data set, backbone and setup the rows of the first seed that all of its methods have, or of the first."""
    found = []
    for _, group in rows.groupby(["dataset", "backbone", "setup"], sort=True):
        shared = set.intersection(*(set(own.seed) for _, own in group.groupby("method")))
        found.append(group[group.seed == min(shared or set(group.seed))])
    return pd.concat(found) if found else rows.iloc[:0]


def first_setup(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each data set and backbone the rows of one setup: equal steps where it was run."""
    places = rows.setup.map(lambda name: SETUPS.index(name) if name in SETUPS else len(SETUPS)).astype(float)
    placed = rows.assign(place=places)
    return rows[places == placed.groupby(TASK)["place"].transform("min")]


def stretches(row: pd.Series, workers: pd.DataFrame) -> Iterator[Stretch]:
    """The cells of one training in order: the workers of each round side by side, then the row itself."""
    before, spent = 0, 0
    if row.method == PARALLEL:
        own = workers[(workers[WORKER_KEYS] == list(row[WORKER_KEYS])).all(axis=1)]
        for _, together in own.groupby("round", sort=True):
            for each in together.sort_values("worker").to_dict("records"):
                yield Stretch(each["cell_key"], each["round"], each["worker"], before, each["steps"], each["params"])
            before += int(together.steps.max())
            spent += int(together.steps.sum())
    yield Stretch(str(row.cell_key), FINAL, FINAL, before, int(row.steps) - spent, float(row.params))


def course(rows: pd.DataFrame, records: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """What changed when, with COURSE: a row a span of sequential steps with one value.

    `kind` is "density" (of a layer), "live" (live parameters of the model, those of dense layers counted, as a fraction),
    "partition" (the one that is dense) or "loss" (a point: start and end are one step).
    """
    workers = worker_rows(records)
    found: list[dict[Any, Any]] = []
    labels = ["method", "role", "budget_asked", "schedule", "seed"]
    trainings = [(row, list(stretches(row, workers))) for _, row in rows.iterrows()]
    keys = {each.cell_key for _, own in trainings for each in own}
    curves = curves[curves.cell_key.isin(keys)]
    by_cell = dict(list(curves.groupby("cell_key")))
    for row, own in trainings:
        base = row[[*SETTING, *labels]].to_dict() | {"sequential_steps": own[-1].first + own[-1].steps}
        for each in own:
            if each.cell_key not in by_cell:
                continue
            where = base | {"round": each.round, "worker": each.worker}
            for span in spans(by_cell[each.cell_key], each, float(row.params_dense)):
                found.append(where | span)
    return pd.DataFrame(found, columns=COURSE)


def spans(curves: pd.DataFrame, stretch: Stretch, params: float) -> Iterator[dict[Any, Any]]:
    """Spans of one cell from its curves, in sequential steps; a span ends where the next value of its curve begins.

    A partition is dense until any density changes: after the last one comes a fine-tune.
    """
    moves = np.unique(curves.step[curves.metric.str.startswith(DENSITY)].to_numpy(int))
    for metric, own in curves.sort_values("step").groupby("metric", sort=True):
        starts, values = own.step.to_numpy(int), own.value.to_numpy(float)
        ends = np.append(starts[1:], max(stretch.steps, starts[-1]))
        kind, name = kind_of(str(metric))
        if kind == "partition":
            ends = np.minimum(ends, [next(iter(moves[moves > start]), stretch.steps) for start in starts])
        if kind == "live":
            values = (stretch.params - values[-1] + values) / params
        for start, end, value in zip(starts, starts if kind == "loss" else ends, values, strict=True):
            if kind == "loss" or (kind and end > start):
                yield {
                    "kind": kind, "name": name, "start": stretch.first + int(start), "end": stretch.first + int(end),
                    "value": float(value),
                }  # fmt: skip


def kind_of(metric: str) -> tuple[str, str]:
    """Kind of a curve, and the layer that it is of; "" for curves that are not told here."""
    if metric.startswith(DENSITY):
        return "density", metric.removeprefix(DENSITY)
    return {"train_loss": "loss", "live_weights": "live", "dense_partition": "partition"}.get(metric, ""), metric


def end_densities(rows: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """The density of each prunable layer at the end of training, mean over seeds, with ENDS."""
    own = curves[curves.cell_key.isin(rows.cell_key) & curves.metric.str.startswith(DENSITY)]
    last = own.sort_values("step").groupby(["cell_key", "metric"]).value.last().reset_index()
    both = last.merge(rows[["cell_key", *ENDS[: ENDS.index("layer")]]], on="cell_key")
    both = both.assign(layer=both.metric.str.removeprefix(DENSITY))
    groups = both.groupby(ENDS[: ENDS.index("n")], sort=True).value
    return pd.DataFrame({"n": groups.size(), "density": groups.mean()}).reset_index()[ENDS]
