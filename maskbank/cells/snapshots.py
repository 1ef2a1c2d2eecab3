"""Snapshots of a cell's work in progress, so that a killed one goes on where it was, with the same bytes at the end."""

import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from maskbank.files import hash_bytes, write_bytes

State = dict[str, Any]  # nested dicts and lists of tensors and JSON values
DIGITS, TENSOR = 16, "tensor:"


@dataclass
class Snapshots:
    """At most one state, kept in `folder` (None: nowhere) at least `every_s` seconds after the last one.

    A state is given back only where `numerics`, the class of machines that compute the same bytes, is the same.
    """

    folder: Path | None = None
    every_s: float = 60.0
    numerics: str = ""
    taken: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> Path | None:
        return None if self.folder is None else self.folder / "snapshot"

    def due(self) -> bool:
        return self.folder is not None and time.monotonic() - self.taken >= self.every_s

    def save(self, state: State) -> None:
        if self.path is not None:
            tensors: dict[str, Tensor] = {}
            body = json.dumps({"numerics": self.numerics, "state": flatten(state, tensors)})
            content = save(tensors, {"state": body})
            write_bytes(self.path, hash_bytes(content, DIGITS).encode() + content)
            self.taken = time.monotonic()

    def load(self) -> State | None:
        """The last state; None where there is none, or none that can be trusted here."""
        try:
            content = b"" if self.path is None else self.path.read_bytes()
            if hash_bytes(content[DIGITS:], DIGITS).encode() != content[:DIGITS]:
                return None
            length = int.from_bytes(content[DIGITS : DIGITS + 8], "little")
            header = json.loads(content[DIGITS + 8 : DIGITS + 8 + length])
            body = json.loads(header["__metadata__"]["state"])
            tensors = load(content[DIGITS:])
        except (OSError, SafetensorError, ValueError, KeyError):
            return None
        return unflatten(body["state"], tensors) if body["numerics"] == self.numerics else None

    def clear(self) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def flatten(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The value as JSON, each tensor moved to `tensors` and named in its place."""
    if isinstance(value, Tensor):
        name = f"{TENSOR}{len(tensors)}"
        tensors[name] = value.detach().contiguous().clone(memory_format=torch.contiguous_format)
        return name
    if isinstance(value, dict):
        return {key: flatten(each, tensors) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [flatten(each, tensors) for each in value]
    return value


def unflatten(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, str) and value.startswith(TENSOR):
        return tensors[value]
    if isinstance(value, dict):
        return {key: unflatten(each, tensors) for key, each in value.items()}
    if isinstance(value, list):
        return [unflatten(each, tensors) for each in value]
    return value
