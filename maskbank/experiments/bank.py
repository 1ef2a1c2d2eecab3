"""The bank stage: from the masks of the prune stage to one bank for each backbone, maker and split."""

import shutil

from maskbank.bank.build import build_bank
from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.experiments.folders import stage_folder
from maskbank.experiments.world import World, bank_folder, home_of
from maskbank.files import write_json


def build(params: Params) -> str:
    """Write all banks; returns one line that says what was built. Raises InputError where a split has no mask at all."""
    shutil.rmtree(stage_folder("bank"), ignore_errors=True)
    world = World(params)
    artifacts, shelf = world.artifacts("prune"), world.shelf(params.transfer.backbones)
    summary = {}
    for backbone in params.transfer.backbones:
        for seed in params.transfer.pretrain_seeds:
            for maker in params.prune.makers:
                for split in world.splits:
                    dense = shelf.find(backbone, params.transfer.recipe, seed, home_of(split))
                    wanted = {"backbone": backbone, "pretrain_seed": seed, "method": maker, "split": split.name}
                    made = [a for a in artifacts if all(a.spec[name] == value for name, value in wanted.items())]
                    if not made:
                        raise InputError(f"bank of {wanted}: no mask; see `maskbank failures` for the prune stage")
                    entries = [({**a.description, "key": a.key, "accuracy": a.accuracy}, a.path) for a in made]
                    about = build_bank(bank_folder(backbone, seed, maker), split.name, dense.hash, entries)
                    summary[f"{backbone}-{seed}-{maker}/{split.name}"] = {"entries": len(made), **about["overlap"]}
    write_json(stage_folder("bank") / "summary.json", summary)
    return f"bank: {sum(line['entries'] for line in summary.values())} entries in {len(summary)} banks"
