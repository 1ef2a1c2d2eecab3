"""Running the cells of a stage and writing what later stages read: the outs of the DVC graph."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from maskbank.cells.run import Finished, gather, run_cells
from maskbank.cells.spec import Cell
from maskbank.cells.store import Store
from maskbank.config import Params
from maskbank.experiments.artifacts import stage_folder
from maskbank.files import write_bytes, write_json
from maskbank.records.load import write_tables


def run_stage(
    stage: str, cells: Sequence[Cell], params: Params, part: str = "", before: Sequence[Finished] = ()
) -> list[Finished]:
    """Run the cells of a stage that are not stored, and write its tables and artifacts, with those of cells `before`."""
    finished = run_cells(stage, list(cells), params)
    write_stage(stage_folder(stage, part), [*before, *finished], params)
    return finished


def write_stage(folder: Path, finished: list[Finished], params: Params) -> None:
    """Write the tables of a stage's cells, and the artifacts of those that have one, with an index."""
    store = Store()
    shutil.rmtree(folder, ignore_errors=True)
    write_tables(gather(finished, params, store), folder)
    index = []
    for done in finished:
        if done.status == "ok" and done.body["description"] and done.cell.spec.keeps_artifact:
            write_bytes(folder / f"{done.key}.safetensors", store.artifact_file(done.key).read_bytes())
            index.append(
                {
                    "key": done.key,
                    "hash": store.artifact_hash(done.body),
                    "file_hash": done.body["files"]["artifact.safetensors"],
                    "spec": done.cell.spec.model_dump(mode="json"),
                    "description": done.body["description"],
                    "accuracy": done.body["points"][-1]["values"].get("accuracy"),
                }
            )
    write_json(folder / "index.json", index)
