"""Running the cells of a stage: skip what is stored, run the rest, gather all into tables."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from maskbank.cells.engine import ENGINES
from maskbank.cells.key import cell_key, code_version
from maskbank.cells.machine import check_device
from maskbank.cells.progress import Progress
from maskbank.cells.result import AnswerSheet
from maskbank.cells.spec import Cell
from maskbank.cells.store import Store
from maskbank.config import Params
from maskbank.errors import InputError, WorkError
from maskbank.records.schema import NONE, SCHEMA_VERSION, TABLES, columns

WORST_FIRST = ["failed", "timeout", "diverged", "collapsed"]


@dataclass(frozen=True)
class Finished:
    """A cell of the plan with what the store holds of it."""

    cell: Cell
    key: str
    body: dict[str, Any]

    @property
    def status(self) -> str:
        return str(self.body["status"])


def run_cells(
    stage: str, cells: list[Cell], params: Params, store: Store | None = None, *, may_fail: bool = False
) -> list[Finished]:
    """Bring every cell of the plan into the store. Failed cells are data.

    A stage with no good cell at all fails, unless it `may_fail`.
    """
    store = store or Store()
    keys = [cell_key(cell) for cell in cells]
    if len(set(keys)) != len(keys):
        twice = next(cell for cell, key in zip(cells, keys, strict=True) if keys.count(key) > 1)
        raise InputError(
            f"{stage}: the same cell is asked for twice ({twice.describe()}); remove the repeat from params.yaml"
        )
    pending = [(cell, key) for cell, key in zip(cells, keys, strict=True) if not store.done(key)]
    progress = Progress(stage, len(cells), len(cells) - len(pending))
    if pending:
        check_device(params.engine.device)
        for _, status in ENGINES[params.engine.kind](pending, store, params.engine):
            progress.advance(status)
    progress.close()
    finished = []
    for cell, key in zip(cells, keys, strict=True):
        body = store.get(key)
        if body is None:
            raise WorkError(f"{stage}: the cell {key} could not be read back from {store.root}; is the disk full?")
        finished.append(Finished(cell, key, body))
    report_failures(stage, finished, may_fail)
    return finished


def report_failures(stage: str, finished: list[Finished], may_fail: bool) -> None:
    bad = [done for done in finished if done.status in WORST_FIRST]
    for done in bad[:3]:
        print(f"{stage}: {done.status}: {done.cell.describe()}: {done.body['points'][0]['reason']}", flush=True)
    if len(bad) > 3:
        print(f"{stage}: {len(bad)} cells did not end well; `maskbank failures` lists them", flush=True)
    if finished and not may_fail and all(done.status in ("failed", "timeout") for done in finished):
        reason = finished[0].body["points"][0]["reason"]
        raise WorkError(f"{stage}: all {len(finished)} cells failed, the first with: {reason}")


def gather(finished: list[Finished], params: Params, store: Store | None = None) -> dict[str, pd.DataFrame]:
    """The tables of a stage's cells: what specs say, what cells measured, what the suite is called."""
    store = store or Store()
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for done in finished:
        rows["records"] += record_rows(done, params, store)
        rows["metrics"] += [
            {"cell_key": done.key, "steps": steps, "metric": metric, "setting": setting, "value": value}
            for steps, metric, setting, value in done.body["metrics"]
        ]
        rows["curves"] += [
            {"cell_key": done.key, "step": step, "metric": metric, "value": value}
            for step, metric, value in done.body["curves"]
        ]
        timings = {"cell_key": done.key, "machine_class": done.body["machine_class"], **done.body["timings"]}
        rows["timings"].append(timings)
        evidence, answers = evidence_rows(done, store)
        rows["evidence"] += evidence
        rows["answers"] += answers
    frames = {name: pd.DataFrame(rows[name]).reindex(columns=columns(name)) for name in TABLES}
    frames["answers"] = frames["answers"].drop_duplicates("answers_hash", ignore_index=True)
    return frames


def record_rows(done: Finished, params: Params, store: Store) -> list[dict[str, Any]]:
    wanted = columns("records")
    base: dict[str, Any] = {name: value for name, value in done.cell.spec.model_dump().items() if name in wanted}
    base |= {
        "cell_key": done.key,
        "stage": done.cell.stage,
        "profile": params.suite.profile,
        "dataset": base.get("dataset") or params.data.name,
        "suite": params.suite.name,
        "suite_version": params.suite.version,
        "schema_version": SCHEMA_VERSION,
        "code_version": code_version(done.cell),
        "numerics_class": done.body["numerics_class"],
        "dense_hash": dense_hash(done, store),
        "splits_hash": splits_hash(done.cell),
    }
    return [
        base
        | {name: value for name, value in point["values"].items() if name in wanted}
        | {"steps": point["steps"], "status": point["status"], "reason": point["reason"]}
        | {"evidence_hash": point["evidence"][1] if point["evidence"] else NONE}
        for point in done.body["points"]
    ]


def dense_hash(done: Finished, store: Store) -> str:
    """Which dense checkpoint the cell started from; a cell that made one names its own."""
    if "dense" in done.cell.inputs:
        return done.cell.inputs["dense"].hash
    return store.artifact_hash(done.body) if done.body["description"] else NONE


def splits_hash(cell: Cell[Any]) -> str:
    """What decided which images and classes the cell was judged on: its split, or else the prepared data themselves."""
    given = cell.inputs.get("split") or cell.inputs.get("data")
    return given.hash if given else NONE


def evidence_rows(done: Finished, store: Store) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Predictions and labels of one cell; accuracy in the record must equal the one derived from them."""
    points = [point for point in done.body["points"] if point["evidence"]]
    tensors = store.evidence(done.key) if points else {}
    evidence, answers = [], {}
    for point in points:
        answers_hash, sheet_hash = point["evidence"]
        sheet = AnswerSheet(
            ids=tensors[f"ids.{answers_hash}"],
            labels=tensors[f"labels.{answers_hash}"],
            predicted=tensors[f"predicted.{point['steps']}"],
            probability=tensors[f"probability.{point['steps']}"],
        )
        if sheet.hash != sheet_hash or sheet.accuracy != point["values"]["accuracy"]:
            raise WorkError(
                f"cell {done.key}: its accuracy is not the one its evidence gives; delete the cell and run again"
            )
        answers[answers_hash] = {
            "answers_hash": answers_hash,
            "ids": sheet.ids.tobytes(),
            "labels": sheet.labels.tobytes(),
        }
        row = {"cell_key": done.key, "steps": point["steps"], "answers_hash": answers_hash}
        evidence.append(row | {"predicted": sheet.predicted.tobytes(), "probability": sheet.probability.tobytes()})
    return evidence, list(answers.values())
