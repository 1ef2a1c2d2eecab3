"""What the run of a cell holds: a pure function of the record tables, without MLflow."""

import math
import re
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from maskbank.errors import InputError
from maskbank.files import hash_json
from maskbank.records.load import read_table
from maskbank.records.schema import NONE, STATUSES

READ = ("records", "metrics", "curves", "timings")
# One tag or param each; the tag and param `budget` is the column `budget_asked`.
TAGGED = [
    "stage", "method", "role", "variant", "bank", "tuning", "dataset", "backbone", "recipe", "task", "task_split",
    "split", "budget_kind", "pattern", "allocation", "schedule", "reconstruct", "bn", "form", "stop", "setup", "leak",
    "pretrain_seed", "seed", "profile", "suite", "suite_version",
]  # fmt: skip
LABELS = [
    *TAGGED, "activation_bits", "ways", "shots", "dense_hash", "splits_hash", "code_version", "schema_version", "trials",
    "numerics_class",
]  # fmt: skip
POINTS = [
    "accuracy", "accuracy_dense", "loss", "budget_achieved", "params", "params_dense", "macs", "macs_dense", "bytes",
    "train_macs", "selection_macs", "tuning_macs",
]  # fmt: skip
FAILED = ("failed", "timeout")
ILLEGAL = re.compile(r"[^\w\-. :/]", re.ASCII)
LONGEST = 500  # characters of a tag or param; MLflow would cut at several thousand and then not compare equal


@dataclass(frozen=True)
class Point:
    name: str
    step: int
    value: float


@dataclass(frozen=True)
class Content:
    """What a finished run of one cell must hold."""

    cell_key: str
    name: str
    status: str  # MLflow's: FINISHED or FAILED
    tags: dict[str, str]
    params: dict[str, str]
    points: tuple[Point, ...]
    dataset: tuple[str, str]  # name, digest
    seconds: float  # wall time of the cell

    def digest(self) -> str:
        return hash_json(asdict(self))

    def latest(self) -> dict[str, float]:
        """Metric -> value at its last step, which is what MLflow shows for a metric."""
        return {point.name: point.value for point in sorted(self.points, key=lambda point: point.step)}


def text(value: object) -> str:
    """A label as MLflow shows and searches it: 0.1, 3, resnet20; `none` where it does not apply."""
    if isinstance(value, float):
        return NONE if math.isnan(value) else f"{value:.10g}"
    return str(value)[:LONGEST] or NONE


def metric_name(metric: str, setting: str = NONE) -> str:
    """`metric` or `metric/setting`, with `_` for what MLflow does not allow in a name (it forbids `@` and `=`)."""
    return ILLEGAL.sub("_", metric if setting == NONE else f"{metric}/{setting}")


def run_name(row: Mapping[Hashable, Any]) -> str:
    """`smsp 10% uniform s3/t1 resnet20`; without a task: `magnitude 20% global resnet20 adam seed 1`."""
    asked = row["budget_asked"]
    percent = f"{asked:g} bits" if row["budget_kind"] == "bits" else f"{100 * asked:g}%"
    head = [row["method"], NONE if math.isnan(asked) else percent, row["allocation"]]
    if row["task"] == NONE:
        tail = [row["backbone"], row["recipe"], f"seed {row['seed']}"]
    else:
        inside = row["split"] == NONE or row["task"].startswith(row["split"])
        tail = [row["task"] if inside else f"{row['split']}/{row['task']}", row["backbone"]]
    also = [row["variant"], row["tuning"]]  # what is not as a method is by default
    return " ".join([part for part in [*head, *tail] if part != NONE] + [part for part in also if part != "default"])


def cell_points(rows: list[dict], metrics: list[dict], curves: list[dict], timing: dict) -> tuple[Point, ...]:
    """Every finite number of a cell, sorted. Curves stand under `curve/`, apart from the points of evaluation."""
    found = [(name, row["steps"], row[name]) for row in rows for name in POINTS]
    found += [(metric_name(row["metric"], row["setting"]), row["steps"], row["value"]) for row in metrics]
    found += [(metric_name(f"curve/{row['metric']}"), row["step"], row["value"]) for row in curves]
    last = rows[-1]["steps"]
    found += [(name, last, value) for name, value in timing.items() if name not in ("cell_key", "machine_class")]
    finite = [Point(name, int(step), float(value)) for name, step, value in found if math.isfinite(value)]
    places = {(point.name, point.step) for point in finite}
    if len(places) < len(finite):
        names = [(point.name, point.step) for point in finite]
        name, step = next(place for place in names if names.count(place) > 1)
        raise InputError(
            f"cell {rows[-1]['cell_key']}: two measures are called {name} at step {step}; rename a setting"
        )
    return tuple(sorted(finite, key=lambda point: (point.name, point.step)))


def cell_content(rows: list[dict], metrics: list[dict], curves: list[dict], timing: dict) -> Content:
    """The content of one cell from its rows, ascending in steps. The worst status of its points is the cell's."""
    last = rows[-1]
    worst = max(rows, key=lambda row: STATUSES.index(row["status"]))
    budget = {"budget": text(last["budget_asked"])}
    tags = {name: text(last[name]) for name in TAGGED} | budget
    tags |= {"cell_key": last["cell_key"], "kind": "cell", "status": worst["status"]}
    tags["machine_class"] = text(timing.get("machine_class", NONE))
    if worst["reason"]:
        tags["reason"] = text(worst["reason"])
    wall = timing.get("wall_seconds", math.nan)
    return Content(
        cell_key=last["cell_key"],
        name=run_name(last),
        status="FAILED" if worst["status"] in FAILED else "FINISHED",
        tags=tags,
        params={name: text(last[name]) for name in LABELS} | budget,
        points=cell_points(rows, metrics, curves, timing),
        dataset=(last["dataset"], last["splits_hash"][:36]),
        seconds=wall if math.isfinite(wall) else 0.0,
    )


def by_cell(frame: pd.DataFrame) -> dict[str, list[dict]]:
    """cell_key -> its rows, in the table's order."""
    rows = defaultdict(list)
    for row in frame.to_dict("records"):
        rows[row["cell_key"]].append(row)
    return rows


def read_contents(folder: Path) -> dict[str, Content]:
    """cell_key -> content, for every cell of the tables in `folder`."""
    tables = {name: read_table(name, folder) for name in READ}
    records = by_cell(tables["records"].sort_values(["cell_key", "steps"]))
    metrics, curves, timings = (by_cell(tables[name]) for name in ("metrics", "curves", "timings"))
    return {
        key: cell_content(rows, metrics.get(key, []), curves.get(key, []), timings.get(key, [{}])[0])
        for key, rows in records.items()
    }
