"""The pretrained models and the data as cells use them: opened once a worker."""

import copy
import functools
from pathlib import Path

from torch import nn

from maskbank.cells.spec import Cell
from maskbank.data.dataset import DataSet, open_dataset
from maskbank.experiments.artifacts import describe_artifact
from maskbank.models.checkpoint import Architecture, load_model


@functools.lru_cache(maxsize=4)
def _load(path: Path, _hash: str) -> nn.Module:
    artifact = describe_artifact(path)
    return load_model(Architecture.of(artifact.description), path)


def dense_model(cell: Cell) -> nn.Module:
    """A fresh copy of the cell's input `dense`, in eval mode."""
    return copy.deepcopy(_load(cell.input_path("dense"), cell.inputs["dense"].hash))


def cell_data(cell: Cell) -> DataSet:
    return open_dataset(cell.input_path("data"), cell.inputs["data"].hash)
