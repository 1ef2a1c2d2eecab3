"""The run of the final figures: kind = report, one at a time, replaced when the records or the figures change."""

from pathlib import Path
from typing import TYPE_CHECKING

from maskbank.files import hash_file, hash_json
from maskbank.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

REPORT = "report"
SUFFIXES = {".png", ".svg", ".html", ".csv", ".md"}


def report_files(folder: Path) -> list[Path]:
    """Figures, tables and the page, relative to the folder of reports."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file()]
    return sorted(path for path in paths if not any(part.startswith(".") for part in path.parts))


def report_hash(folder: Path, records_hash: str) -> str:
    return hash_json([records_hash, {str(path): hash_file(folder / path) for path in report_files(folder)}])


def is_current(run: "Run", content_hash: str) -> bool:
    return run.info.status == "FINISHED" and run.data.tags.get("content_hash") == content_hash


def reconcile_report(store: Store, folder: Path, records_hash: str, runs: "list[Run]", origin: dict[str, str]) -> None:
    """Leave one run with the files of `folder` as artifacts, or none where there are no files yet."""
    files = report_files(folder)
    content_hash = report_hash(folder, records_hash)
    kept = [run for run in runs if files and is_current(run, content_hash)][:1]
    for run in runs:
        if run not in kept:
            store.client.delete_run(run.info.run_id)
    if kept or not files:
        return
    tags = {**origin, "kind": REPORT, "records_hash": records_hash, "content_hash": content_hash}
    run_id = store.client.create_run(store.experiment_id, tags=tags, run_name=REPORT).info.run_id
    for path in files:
        place = str(path.parent) if path.parent != Path() else None
        store.client.log_artifact(run_id, str(folder / path), artifact_path=place)
    store.client.set_terminated(run_id)


def check_report(folder: Path, records_hash: str, runs: "list[Run]") -> list[str]:
    """Where the run of the figures disagrees with the files, one line each."""
    wanted = 1 if report_files(folder) else 0
    if len(runs) != wanted:
        return [f"report: {len(runs)} runs instead of {wanted}"]
    content_hash = report_hash(folder, records_hash)
    return [
        f"report: run {run.info.run_id} is not of these figures" for run in runs if not is_current(run, content_hash)
    ]
