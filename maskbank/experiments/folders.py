"""Where stages leave what later stages read: the outs of the DVC graph."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskbank.cells.run import Finished, gather, run_cells
from maskbank.cells.spec import Cell, Input
from maskbank.cells.store import Store
from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.files import hash_file, read_json, write_bytes, write_json
from maskbank.records.load import DATA, write_tables


def stage_folder(stage: str, part: str = "") -> Path:
    return DATA / stage / part if part else DATA / stage


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


@dataclass(frozen=True)
class Artifact:
    """One line of a stage's index."""

    folder: Path
    key: str
    hash: str
    file_hash: str
    spec: dict[str, Any]
    description: dict[str, Any]
    accuracy: float | None

    @property
    def path(self) -> Path:
        return self.folder / f"{self.key}.safetensors"

    @property
    def input(self) -> Input:
        return Input(str(self.path), self.hash)


def read_index(folder: Path) -> list[Artifact]:
    """The artifacts of a stage; a missing, truncated or altered one is an InputError that names it."""
    artifacts = [Artifact(folder=folder, **line) for line in read_json(folder / "index.json")]
    for artifact in artifacts:
        if not artifact.path.is_file():
            raise InputError(f"{artifact.path}: no such file; run `dvc repro` for the stage that writes it")
        if hash_file(artifact.path) != artifact.file_hash:
            raise InputError(f"{artifact.path}: truncated or altered; delete {folder} and run `dvc repro`")
    return artifacts


def describe_artifact(path: Path) -> Artifact:
    """The index line of an artifact file."""
    for line in read_json(path.parent / "index.json"):
        if line["key"] == path.stem:
            return Artifact(folder=path.parent, **line)
    raise InputError(f"{path}: not in {path.parent / 'index.json'}; run its stage again")
