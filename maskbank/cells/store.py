"""The cell store: one folder a finished cell, written whole or not at all, checked when read."""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from maskbank.cells.result import Point, Result
from maskbank.cells.spec import Cell, spec_values
from maskbank.errors import InputError
from maskbank.files import hash_bytes, hash_json, write_bytes

RETRIED = ("failed", "timeout")


def finite(value: Any) -> Any:
    """NaN and infinity have no JSON; they are stored as null."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def result_values(result: Result) -> dict[str, Any]:
    """A result's numbers as JSON values; its arrays are stored in a file of their own."""
    return {
        "points": [
            {
                "steps": point.steps,
                "status": point.status,
                "reason": point.reason,
                "values": {name: finite(value) for name, value in point.values.items()},
                "evidence": None if point.sheet is None else [point.sheet.answers_hash, point.sheet.hash],
            }
            for point in result.points
        ],
        "metrics": [[*row[:3], finite(row[3])] for row in result.metrics],
        "curves": [[*row[:2], finite(row[2])] for row in result.curves],
        "timings": result.timings,
        "description": result.description,
    }


def evidence_tensors(points: list[Point]) -> dict[str, NDArray[Any]]:
    tensors: dict[str, NDArray[Any]] = {}
    for point in points:
        if point.sheet is not None:
            tensors[f"predicted.{point.steps}"] = point.sheet.predicted
            tensors[f"probability.{point.steps}"] = point.sheet.probability
            tensors[f"ids.{point.sheet.answers_hash}"] = point.sheet.ids
            tensors[f"labels.{point.sheet.answers_hash}"] = point.sheet.labels
    return tensors


@dataclass(frozen=True)
class Store:
    root: Path = Path(".maskbank/cells")

    def folder(self, key: str) -> Path:
        return self.root / key[:2] / key

    def unfinished(self, key: str) -> Path:
        """Where a cell may keep snapshots of its work."""
        return self.root.parent / "unfinished" / key

    def put(self, cell: Cell, key: str, result: Result, about: dict[str, Any]) -> None:
        """Store a finished cell: temporary folder, fsync, rename. `about` is what the engine knows of the run."""
        files = {"evidence.safetensors": save_tensors(evidence_tensors(result.points))}
        files["artifact.safetensors"] = save_tensors(result.tensors)
        body = {"key": key, "stage": cell.stage, "spec": spec_values(cell.spec), **about, **result_values(result)}
        body["inputs"] = {name: given.hash for name, given in cell.inputs.items()}
        body["files"] = {name: hash_bytes(content) for name, content in files.items()}
        body["checksum"] = hash_json(body)
        final = self.folder(key)
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(dir=final.parent, prefix=".writing-"))
        except OSError as error:
            raise InputError(
                f"{self.root}: cannot be written ({error.strerror}); choose a folder you may write"
            ) from error
        try:
            for name, content in files.items():
                write_bytes(temporary / name, content)
            write_bytes(temporary / "cell.json", json.dumps(body, sort_keys=True, allow_nan=False).encode())
            if final.exists():
                shutil.rmtree(final)
            os.replace(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def get(self, key: str) -> dict[str, Any] | None:
        """The stored cell's values, or None where it is missing, torn or altered."""
        folder = self.folder(key)
        try:
            body = json.loads((folder / "cell.json").read_text())
            checksum = body.pop("checksum")
            intact = checksum == hash_json(body) and all(
                hash_bytes((folder / name).read_bytes()) == expected for name, expected in body["files"].items()
            )
        except (OSError, ValueError, KeyError):
            return None
        return body if intact else None

    def done(self, key: str) -> bool:
        """Whether the cell is stored and need not be tried again."""
        body = self.get(key)
        return body is not None and body["status"] not in RETRIED

    def evidence(self, key: str) -> dict[str, NDArray[Any]]:
        return load_tensors((self.folder(key) / "evidence.safetensors").read_bytes())

    def artifact_file(self, key: str) -> Path:
        return self.folder(key) / "artifact.safetensors"

    def artifact_hash(self, body: dict[str, Any]) -> str:
        """Hash of an artifact: its tensors and their description."""
        return hash_json([body["files"]["artifact.safetensors"], body["description"]])
