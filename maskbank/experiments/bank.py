"""The bank stage: from the masks of the prune stage to one bank for each backbone, maker and split."""

import shutil

from maskbank.bank.build import build_bank
from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.experiments.folders import stage_folder
from maskbank.experiments.world import World, bank_folder
from maskbank.files import write_json


def build(params: Params) -> str:
    """Write all banks; returns one line that says what was built. Raises InputError where a split has no mask at all."""
    shutil.rmtree(stage_folder("bank"), ignore_errors=True)
    world = World(params)
    artifacts = world.artifacts("prune")
    summary = {}
    for home in world.homes():
        for maker in params.prune.makers:
            wanted = home.labels | {"method": maker}
            made = [a for a in artifacts if all(a.spec[name] == value for name, value in wanted.items())]
            if not made:
                raise InputError(f"bank of {wanted}: no mask; see `maskbank failures` for the prune stage")
            entries = [({**a.description, "key": a.key, "accuracy": a.accuracy}, a.path) for a in made]
            folder = bank_folder(home.backbone, home.pretrain_seed, maker)
            about = build_bank(folder, home.split.name, home.dense.hash, entries)
            summary[f"{folder.name}/{home.split.name}"] = {"entries": len(made), **about["overlap"]}
    write_json(stage_folder("bank") / "summary.json", summary)
    return f"bank: {sum(line['entries'] for line in summary.values())} entries in {len(summary)} banks"
