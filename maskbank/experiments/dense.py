"""The pretrained nets as later stages use them."""

import copy
import functools
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from maskbank.cells.spec import Cell
from maskbank.data.dataset import DataSet, open_dataset
from maskbank.errors import InputError
from maskbank.experiments.folders import Artifact, describe_artifact, read_index, stage_folder
from maskbank.models.checkpoint import Architecture, load_model


@dataclass(frozen=True)
class Shelf:
    """All pretrained nets of the run."""

    artifacts: tuple[Artifact, ...]

    def all_classes(self, backbone: str) -> list[Artifact]:
        """Those that saw every class, by recipe and seed."""
        found = [a for a in self.artifacts if a.spec["backbone"] == backbone and a.spec["split"] == "none"]
        return sorted(found, key=lambda a: (a.spec["recipe"], a.spec["seed"]))

    def find(self, backbone: str, recipe: str, seed: int, split: str) -> Artifact:
        """The net of one spec; an InputError where it is missing (its cell failed or was not planned)."""
        for artifact in self.artifacts:
            spec = artifact.spec
            if (spec["backbone"], spec["recipe"], spec["seed"], spec["split"]) == (backbone, recipe, seed, split):
                return artifact
        raise InputError(f"no pretrained {backbone} ({recipe}, seed {seed}, split {split}); see `maskbank failures`")


def open_shelf(backbones: list[str]) -> Shelf:
    return Shelf(tuple(a for name in backbones for a in read_index(stage_folder("pretrain", name))))


@functools.lru_cache(maxsize=4)
def _load(path: Path, _hash: str) -> nn.Module:
    artifact = describe_artifact(path)
    return load_model(Architecture(**artifact.description), path)


def dense_model(cell: Cell) -> nn.Module:
    """A fresh copy of the cell's input `dense`, in eval mode."""
    return copy.deepcopy(_load(cell.input_path("dense"), cell.inputs["dense"].hash))


def cell_data(cell: Cell) -> DataSet:
    return open_dataset(cell.input_path("data"), cell.inputs["data"].hash)
