"""From the masks of the prune stage to one mask bank for each backbone, bank of params and split."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.experiments.artifacts import Artifact, stage_folder
from maskbank.experiments.state import Start, State, bank_folder, banks_of
from maskbank.files import write_json

if TYPE_CHECKING:
    from maskbank.bank.store import MaskBank

AFTER = "prune"


def execute(params: Params) -> None:
    """Write all banks and `index.json`."""
    shutil.rmtree(stage_folder("bank"), ignore_errors=True)
    state = State(params)
    artifacts = [a for a in state.artifacts("prune") if a.spec["variant"] == "default"]
    index: dict[str, dict[str, Any]] = {}
    for start in state.all_starts():
        for name in banks_of(params, start):
            bank = build(start, name, artifacts)
            line = {"hash": bank.hash, "entries": len(bank), "overlap": overlap(bank)}
            index[str(bank_folder(start, name))] = line
    write_json(stage_folder("bank") / "index.json", index)
    print(f"bank: {sum(line['entries'] for line in index.values())} entries in {len(index)} banks")


def build(start: Start, name: str, artifacts: list[Artifact]) -> MaskBank:
    """Raises InputError where there is no mask at all."""
    from maskbank.bank.store import add, open_bank
    from maskbank.experiments.entries import entry_of

    wanted = start.labels | {"bank": name}
    made = [entry_of(a) for a in artifacts if all(a.spec[key] == value for key, value in wanted.items())]
    if not made:
        raise InputError(f"bank of {wanted}: no mask; see `maskbank failures` for the prune stage")
    folder = bank_folder(start, name)
    add(folder, made[0][0], [entry for _, entry in made])
    return open_bank(folder, start.dense.hash)


def overlap(bank: MaskBank) -> float | None:
    """Mean IoU of the pairs of masks of a bank."""
    from maskbank.measures.overlap import mean_overlap

    if len(bank) < 2:
        return None
    masks = [{"all": row} for row in bank.masks(np.arange(len(bank)))]
    return mean_overlap(masks)
