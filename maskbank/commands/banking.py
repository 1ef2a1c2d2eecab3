"""Banks outside of the pipeline: `maskbank bank add|list|merge|verify`."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from maskbank.bank.pack import SUFFIX
from maskbank.bank.store import MaskBank, open_bank
from maskbank.bank.store import add as add_entries
from maskbank.bank.store import merge as merge_banks
from maskbank.bank.store import verify as find_faults
from maskbank.errors import InputError, WorkError
from maskbank.experiments.artifacts import read_index
from maskbank.experiments.entries import entry_of

ID_DIGITS = 12  # of an id that is printed


def add(given: Namespace) -> str:
    folder = Path(given.folder)
    artifacts = [a for a in read_index(folder) if a.spec.get("variant", "default") == "default"]
    names = sorted({a.spec.get("bank", "none") for a in artifacts})
    if given.name is not None:
        artifacts = [a for a in artifacts if a.spec.get("bank", "none") == given.name]
    if not artifacts:
        asked = "" if given.name is None else f" of --name {given.name}; it has {', '.join(names)}"
        raise InputError(f"{folder}: no masks{asked}")
    made = [entry_of(artifact) for artifact in artifacts]
    models = sorted({identity.dense_hash for identity, _ in made})
    if given.dense is not None:
        made = [(identity, entry) for identity, entry in made if identity.dense_hash == given.dense]
    if len({identity for identity, _ in made}) != 1:
        raise InputError(f"{folder}: masks of {len(models)} checkpoints; choose one with --dense: {', '.join(models)}")
    count = add_entries(Path(given.bank), made[0][0], [entry for _, entry in made])
    return f"{given.bank}: added {count} of {len(made)} entries"


def merge(given: Namespace) -> str:
    count = merge_banks(Path(given.bank), [Path(source) for source in given.source])
    return f"{given.bank}: added {count} entries of {len(given.source)} banks"


def verify(given: Namespace) -> str:
    """Raises WorkError where something is wrong."""
    folder = Path(given.bank)
    faults = find_faults(folder)
    packs = len(list(folder.glob(f"*{SUFFIX}")))
    if faults:
        raise WorkError(f"{len(faults)} of {packs} packs have a fault: {'; '.join(faults)}")
    return f"verified {len(open_bank(folder)) if packs else 0} entries in {packs} packs"


def list_entries(given: Namespace) -> str:
    bank = open_bank(Path(given.bank))
    rows = sorted(
        (described(bank, index) for index in range(len(bank))), key=lambda row: (row["dataset"], row["task"], row["id"])
    )
    if given.json:
        return json.dumps(rows, indent=2)
    keys = ("id", "task", "classes", "ways", "accuracy", "kept", "learner")
    return table([{key: row[key] for key in keys} for row in rows])


def described(bank: MaskBank, index: int) -> dict[str, Any]:
    """What is printed of an entry."""
    classes = bank.classes(index)
    return {
        "id": bank.ids[index],
        "dataset": bank.dataset(index),
        "task": bank.task(index),
        "classes": list(classes),
        "ways": len(classes),
        "accuracy": bank.accuracy(index),
        "kept": float(bank.masks(np.array([index])).mean()),
        "learner": bank.about(index).get("learner", "unknown"),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Rows in columns as wide as their longest cell, under a line of names."""
    cells = [list(rows[0]), *([cell_text(name, value) for name, value in row.items()] for row in rows)] if rows else []
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    padded = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(line.rstrip() for line in padded)


def cell_text(name: str, value: Any) -> str:
    if name == "id":
        return str(value)[:ID_DIGITS]
    if isinstance(value, float):
        return f"{value:.4f}"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
