"""One finished run for each cell, and one version for each pretrained checkpoint: what is missing, torn or stale is put right.

A run is created with its tags, filled in one batch and given its final status last, so that a run whose writer was
killed is known by its status. Such a run, and one whose record has changed, is replaced: MLflow's params and metric
histories cannot be rewritten.
"""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskbank.config import Params
from maskbank.files import hash_file
from maskbank.tracking.checkpoints import Checkpoint, read_checkpoints
from maskbank.tracking.content import Content, read_contents
from maskbank.tracking.figures import REPORT, check_report, reconcile_report
from maskbank.tracking.models import Settled, check_models, reconcile_models
from maskbank.tracking.provenance import provenance
from maskbank.tracking.store import Store, database_path, open_store, shown_uri, store_uri

if TYPE_CHECKING:
    from mlflow.entities import Run

BATCH = 1000  # metrics that MLflow takes in one call
FINAL = ("FINISHED", "FAILED")


@dataclass(frozen=True)
class Receipt:
    """What `reconcile` left (`facts`: decided by the records alone) and what it had to do for it."""

    experiment: str
    records_hash: str
    cells: int
    created: int = 0
    replaced: int = 0
    kept: int = 0
    superseded: int = 0
    models: int = 0
    versions: Settled = field(default_factory=Settled)

    def facts(self) -> dict[str, Any]:
        names = ("experiment", "records_hash", "cells", "models")
        return {name: getattr(self, name) for name in names}

    def line(self) -> str:
        done = (
            f"{self.created} created, {self.replaced} replaced, {self.kept} as they were, {self.superseded} superseded"
        )
        runs = f"MLflow experiment {self.experiment}: one run for each of {self.cells} cells ({done})"
        found = self.versions
        if not self.models + found.superseded:
            return runs
        versions = f"{found.created} created, {found.kept} as they were, {found.superseded} superseded"
        return f"{runs}, one model version for each of {self.models} pretrained checkpoints ({versions})"


def faults(run: "Run", content: Content) -> list[str]:
    """How a run differs from what its cell's records say; empty where it agrees."""
    if run.info.status not in FINAL:
        return [f"not finished ({run.info.status})"]
    expected = {**content.tags, "content_hash": content.digest()}
    found = []
    if run.info.status != content.status:
        found.append(f"status {run.info.status}, not {content.status}")
    for noun, wanted, logged in (
        ("tag", expected, run.data.tags),
        ("param", content.params, run.data.params),
        ("metric", content.latest(), run.data.metrics),
    ):
        found += [f"{noun} {name} differs" for name, value in wanted.items() if logged.get(name) != value]
    found += [f"metric {name} is not in the records" for name in run.data.metrics.keys() - content.latest().keys()]
    return found


def cell_runs(runs: "list[Run]") -> "dict[str, list[Run]]":
    """cell_key -> its runs. Runs that others logged into the experiment have no such tag and are left alone."""
    grouped = defaultdict(list)
    for run in runs:
        if "cell_key" in run.data.tags:
            grouped[run.data.tags["cell_key"]].append(run)
    return dict(grouped)


def log_cell(store: Store, content: Content, origin: dict[str, str]) -> str:
    """Log one run: created with its tags, filled in a batch, its status last. Returns its id."""
    entities = import_module("mlflow.entities")
    now = int(time.time() * 1000)
    tags = {**origin, **content.tags, "content_hash": content.digest()}
    run = store.client.create_run(
        store.experiment_id, start_time=now - int(content.seconds * 1000), tags=tags, run_name=content.name
    )
    metrics = [entities.Metric(point.name, point.value, now, point.step) for point in content.points]
    params = [entities.Param(name, value) for name, value in content.params.items()]
    store.client.log_batch(run.info.run_id, metrics[:BATCH], params)
    for start in range(BATCH, len(metrics), BATCH):
        store.client.log_batch(run.info.run_id, metrics[start : start + BATCH])
    name, digest = content.dataset
    dataset = entities.Dataset(name=name, digest=digest, source_type="maskbank", source="{}")
    context = [entities.InputTag("mlflow.data.context", "evaluation")]
    store.client.log_inputs(run.info.run_id, datasets=[entities.DatasetInput(dataset, context)])
    store.client.set_terminated(run.info.run_id, status=content.status, end_time=now)
    return str(run.info.run_id)


def settle_current(store: Store, content: Content, runs: "list[Run]", origin: dict[str, str]) -> tuple[str, str]:
    """Leave exactly one right run of a current cell. Returns its id and what was done: created, replaced or kept."""
    right = [run for run in runs if not faults(run, content)][:1]
    for run in runs:
        if run not in right:
            store.client.delete_run(run.info.run_id)
    for run in right:
        if "superseded" in run.data.tags:
            store.client.delete_tag(run.info.run_id, "superseded")
        return run.info.run_id, "kept"
    return log_cell(store, content, origin), "replaced" if runs else "created"


def settle_superseded(store: Store, runs: "list[Run]") -> None:
    """Keep the newest finished run of a cell that is no longer current, marked as such."""
    kept = [run for run in runs if run.info.status in FINAL][:1]
    for run in runs:
        if run not in kept:
            store.client.delete_run(run.info.run_id)
    for run in kept:
        if run.data.tags.get("superseded") != "true":
            store.client.set_tag(run.info.run_id, "superseded", "true")


def reconcile(folder: Path, params: Params) -> Receipt:
    """Make MLflow agree with the tables in `folder`: one run a cell, found by its tag `cell_key`, and one of figures.

    With `track.models` also with what the stage pretrain left: one version a checkpoint of all classes. Raises InputError if
    the tables or checkpoints cannot be read, WorkError if MLflow cannot be reached; running it again goes on where it ended.
    """
    contents = read_contents(folder)
    checkpoints = read_checkpoints(contents, params.track.experiment) if params.track.models else []
    records_hash = hash_file(folder / "records.parquet")
    origin = provenance()
    with open_store(params) as store:
        runs = store.runs()
        found = cell_runs(runs)
        done = {key: settle_current(store, content, found.get(key, []), origin) for key, content in contents.items()}
        old = [group for key, group in found.items() if key not in contents]
        for group in old:
            settle_superseded(store, group)
        reports = [run for run in runs if run.data.tags.get("kind") == REPORT]
        reconcile_report(store, folder, records_hash, reports, origin)
        versions = Settled()
        if params.track.models:
            ids = {key: run_id for key, (run_id, _) in done.items()}
            versions = reconcile_models(store, params.track.experiment, checkpoints, ids)
    counts = {name: [what for _, what in done.values()].count(name) for name in ("created", "replaced", "kept")}
    return Receipt(
        params.track.experiment, records_hash, len(contents), superseded=len(old), models=len(checkpoints), versions=versions,
        **counts,
    )  # fmt: skip


def check(folder: Path, params: Params) -> list[str]:
    """Where MLflow and the tables in `folder` disagree, one line each; empty: one finished run for each cell.

    With `track.models` also where the model registry and the pretrained checkpoints disagree.
    """
    contents = read_contents(folder)
    checkpoints: list[Checkpoint] = read_checkpoints(contents, params.track.experiment) if params.track.models else []
    path = database_path(store_uri())
    if path and not path.exists():
        return [f"{shown_uri(store_uri())}: no such database; run `maskbank sync`"]
    with open_store(params, make=False) as store:
        if not store.experiment_id:
            return [f"experiment {params.track.experiment}: not in MLflow; run `maskbank sync`"]
        runs = store.runs()
        found = cell_runs(runs)
        ids = {key: [run.info.run_id for run in group] for key, group in found.items()}
        models = check_models(store, params.track.experiment, checkpoints, ids) if params.track.models else []
    lines = []
    for key, content in contents.items():
        group = found.get(key, [])
        if len(group) != 1:
            lines.append(f"cell {key} ({content.name}): {len(group)} runs instead of 1")
        for run in group:
            wrong = faults(run, content) + (["marked superseded"] if "superseded" in run.data.tags else [])
            if wrong:
                lines.append(f"cell {key} ({content.name}): run {run.info.run_id}: {'; '.join(wrong[:3])}")
    for key, group in found.items():
        if key not in contents and any(run.data.tags.get("superseded") != "true" for run in group):
            lines.append(f"cell {key} is no longer in the records and its run is not marked superseded")
    reports = [run for run in runs if run.data.tags.get("kind") == REPORT]
    return lines + check_report(folder, hash_file(folder / "records.parquet"), reports) + models
