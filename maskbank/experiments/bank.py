"""The bank stage: from the masks of the prune stage to one mask bank for each backbone, bank of params and split."""

import shutil
from typing import Any

import numpy as np

from maskbank.bank.store import MaskBank, add, open_bank
from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.experiments.entries import entry_of
from maskbank.experiments.folders import Artifact, stage_folder
from maskbank.experiments.world import Home, World, bank_folder, banks_of
from maskbank.files import write_json
from maskbank.measures.overlap import mean_overlap


def build(params: Params) -> str:
    """Write all banks and `index.json`; returns one line that says what was built."""
    shutil.rmtree(stage_folder("bank"), ignore_errors=True)
    world = World(params)
    artifacts = [a for a in world.artifacts("prune") if a.spec["variant"] == "default"]
    index: dict[str, dict[str, Any]] = {}
    for home in world.all_homes():
        for name in banks_of(params, home):
            bank = build_one(home, name, artifacts)
            line = {"hash": bank.hash, "entries": len(bank), "overlap": overlap(bank)}
            index[str(bank_folder(home, name))] = line
    write_json(stage_folder("bank") / "index.json", index)
    return f"bank: {sum(line['entries'] for line in index.values())} entries in {len(index)} banks"


def build_one(home: Home, name: str, artifacts: list[Artifact]) -> MaskBank:
    """Raises InputError where there is no mask at all."""
    wanted = home.labels | {"bank": name}
    made = [entry_of(a) for a in artifacts if all(a.spec[key] == value for key, value in wanted.items())]
    if not made:
        raise InputError(f"bank of {wanted}: no mask; see `maskbank failures` for the prune stage")
    folder = bank_folder(home, name)
    add(folder, made[0][0], [entry for _, entry in made])
    return open_bank(folder, home.dense.hash)


def overlap(bank: MaskBank) -> float | None:
    """Mean IoU of the pairs of masks of a bank."""
    if len(bank) < 2:
        return None
    masks = [{"all": row} for row in bank.masks(np.arange(len(bank)))]
    return mean_overlap(masks)
