"""The mask bank among stages: entries of what the prune stage left, and the bank that a cell reads."""

import functools
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from maskbank.bank.entry import Entry
from maskbank.bank.store import Identity, MaskBank, open_bank
from maskbank.cells.spec import Cell
from maskbank.errors import InputError
from maskbank.experiments.artifacts import Artifact


def entry_of(artifact: Artifact) -> tuple[Identity, Entry]:
    """What the prune stage left for one task. Raises InputError where it is of an older version or has no accuracy."""
    said = artifact.description
    try:
        tensors = load_file(artifact.path)
        layers = tuple((str(name), str(kind), int(count)) for name, kind, count in said["layers"])
        identity = Identity(artifact.spec["backbone"], said["dense_hash"], layers, int(tensors["prototypes"].shape[1]))
        entry = Entry(
            task=said["task"],
            dataset=said["dataset"],
            classes=tuple(said["classes"]),
            mask={name: tensors[f"mask/{name}"].float() for name, _, _ in layers},
            soft={name: tensors[f"soft/{name}"] for name, _, _ in layers},
            head_weight=tensors["head/weight"],
            head_bias=tensors["head/bias"],
            prototypes=tensors["prototypes"],
            accuracy=float("nan") if artifact.accuracy is None else artifact.accuracy,
            about=said["about"],
        )
    except KeyError as error:
        raise InputError(f"{artifact.path}: no {error}, which an entry has; run `dvc repro prune`") from None
    except SafetensorError as error:
        raise InputError(f"{artifact.path}: not readable ({error}); run `dvc repro prune`") from None
    return identity, entry


@functools.lru_cache(maxsize=8)
def _open(folder: Path, expected: str, dense_hash: str) -> MaskBank:
    bank = open_bank(folder, dense_hash, verify=True)
    if bank.hash != expected:
        raise InputError(f"{folder}: not the bank that was planned with; run `dvc repro bank`")
    return bank


def cell_bank(cell: Cell) -> MaskBank:
    """The cell's input `bank`; refuses one of another checkpoint, and one that was altered since planning."""
    given = cell.inputs["bank"]
    return _open(Path(given.path), given.hash, cell.inputs["dense"].hash)
