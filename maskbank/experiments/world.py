"""What planning needs to know of earlier stages."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from maskbank.cells.spec import Input
from maskbank.config import Params
from maskbank.data.dataset import FOREIGN, PREPARED, prepared_hash
from maskbank.data.tasks import Split, read_splits
from maskbank.errors import InputError
from maskbank.experiments.folders import Artifact, read_index, stage_folder
from maskbank.files import read_json


@dataclass(frozen=True)
class Shelf:
    """The pretrained nets of the run."""

    artifacts: tuple[Artifact, ...]

    def all_classes(self, backbone: str) -> list[Artifact]:
        """Those that saw every class, by recipe, seed and what ended their training."""
        found = [a for a in self.artifacts if a.spec["backbone"] == backbone and a.spec["split"] == "none"]
        return sorted(found, key=lambda a: (a.spec["recipe"], a.spec["seed"], a.spec["stop"] != "steps"))

    def find(self, backbone: str, recipe: str, seed: int, home: str) -> Artifact:
        """The net of one spec, trained for all steps; an InputError where it is missing (its cell failed or was not planned)."""
        wanted = (backbone, recipe, seed, home, "steps")
        for artifact in self.artifacts:
            spec = artifact.spec
            if (spec["backbone"], spec["recipe"], spec["seed"], spec["split"], spec["stop"]) == wanted:
                return artifact
        raise InputError(f"no pretrained {backbone} ({recipe}, seed {seed}, split {home}); see `maskbank failures`")


@dataclass(frozen=True)
class Home:
    """A backbone that tasks of one split start from."""

    backbone: str
    recipe: str
    pretrain_seed: int
    split: Split
    dense: Artifact

    @property
    def labels(self) -> dict[str, Any]:
        """Fields of a spec."""
        return {
            "backbone": self.backbone, "recipe": self.recipe, "pretrain_seed": self.pretrain_seed,
            "split": self.split.name,
        }  # fmt: skip


class World:
    """The world on disk: what earlier stages have left."""

    def __init__(self, params: Params) -> None:
        self.params = params

    @cached_property
    def classes(self) -> int:
        return len(read_json(PREPARED / "data.json")["names"])

    @cached_property
    def image(self) -> tuple[int, int] | None:
        """Channels and pixels a side of the prepared images; None where that is not known yet."""
        channels, size = read_json(PREPARED / "data.json")["image"][:2]
        return channels, size

    @cached_property
    def splits(self) -> list[Split]:
        return read_splits(PREPARED)

    @cached_property
    def data(self) -> Input:
        return Input(str(PREPARED), prepared_hash())

    def shelf(self, backbones: list[str]) -> Shelf:
        return Shelf(tuple(a for name in backbones for a in read_index(stage_folder("pretrain", name))))

    @cached_property
    def foreign(self) -> Input:
        return Input(str(FOREIGN), prepared_hash(FOREIGN))

    def homes(self, validation: bool = False) -> Iterator[Home]:
        """For every backbone and seed of the transfer stage and every split, the net that its tasks start from.

        `validation`: the splits for tuning, and no others.
        """
        given = self.params.transfer
        shelf = self.shelf(given.backbones)
        for backbone in given.backbones:
            for seed in given.pretrain_seeds:
                for split in self.splits:
                    if (split.task_split == "validation") != validation:
                        continue
                    dense = shelf.find(backbone, given.recipe, seed, home_of(split.name, split.task_split))
                    yield Home(backbone, given.recipe, seed, split, dense)

    def all_homes(self) -> Iterator[Home]:
        """Those for tuning last."""
        yield from self.homes()
        yield from self.homes(validation=True)

    def inputs(self, home: Home, foreign: bool = False) -> dict[str, Input]:
        """What a cell of one home reads; `foreign`: of a task of the other data set."""
        data = self.foreign if foreign else self.data
        return {"data": data, "dense": home.dense.input, "split": Input(home.split.name, home.split.hash)}

    def artifacts(self, stage: str) -> list[Artifact]:
        return read_index(stage_folder(stage))

    def bank(self, home: Home, name: str) -> Input:
        folder = bank_folder(home, name)
        try:
            return Input(str(folder), self.banks[str(folder)]["hash"])
        except KeyError:
            raise InputError(f"{folder}: no such bank; run `dvc repro bank`") from None

    @cached_property
    def banks(self) -> dict[str, Any]:
        return dict(read_json(stage_folder("bank") / "index.json"))

    def tuned(self, home: Home, method: str) -> dict[str, Any]:
        """Fields of a spec as the stage tune chose them."""
        chosen = self.chosen.get(tuned_name(home.backbone, home.pretrain_seed, method))
        if chosen is None:
            raise InputError(f"tune: nothing chosen for {method} on {home.backbone}; see `maskbank failures`")
        count = self.params.tune.trials
        fields = {name: chosen[name] for name in ("lr", "options", "tuning_macs")}
        return {**fields, "tuning": f"tuned@{count}", "trials": count}

    @cached_property
    def chosen(self) -> dict[str, Any]:
        return dict(read_json(stage_folder("tune") / "chosen.json"))


def tuned_name(backbone: str, pretrain_seed: int | None, method: str) -> str:
    return f"{backbone} {pretrain_seed} {method}"


def banks_of(params: Params, home: Home) -> list[str]:
    """Names of the banks of one backbone, the one that transfer reads first; for tuning there is that one alone."""
    named = [
        name for name, recipe in params.prune.banks.items() if home.backbone in (recipe.backbones or [home.backbone])
    ]
    return named[:1] if home.split.task_split == "validation" else named


def bank_folder(home: Home, name: str) -> Path:
    return stage_folder("bank", f"{home.backbone}-{home.pretrain_seed}-{name}") / home.split.name


def home_of(split: str, task_split: str) -> str:
    """The `split` of the pretrained net that a split's tasks start from: its own where its targets were held out."""
    return split if task_split == "unseen" else "none"
