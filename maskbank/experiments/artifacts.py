"""What stages leave for later ones: the artifacts of their cells, by index. Knows no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskbank.cells.spec import Input
from maskbank.errors import InputError
from maskbank.files import hash_file, read_json
from maskbank.records.places import DATA


def stage_folder(stage: str, part: str = "") -> Path:
    return DATA / stage / part if part else DATA / stage


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
