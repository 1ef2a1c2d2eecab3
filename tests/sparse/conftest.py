"""Sparse trainings of a small model on a tiny data set."""

from collections.abc import Callable
from typing import Any

import pytest

from maskbank.cells.engine import Runtime
from maskbank.data.dataset import DataSet
from maskbank.experiments.jobs import Images
from maskbank.experiments.sparse_training import begin
from maskbank.models.checkpoint import Architecture
from maskbank.sparse.trainer import SparseTrainer
from maskbank.stages.sparsify import SparsifySpec

CLASSES = (0, 1, 2, 3)
MODEL = Architecture("cnn", 4, 1, 8, {"width": 4, "dense": 32, "dense_depth": 3, "norm": True})
OPTIONS: dict[str, dict[str, Any]] = {
    "c_gap": {"partitions": 2, "rounds": 2},
    "gmp": {"updates": 4},
    "imp": {"rounds": 2, "early": 0.1},
    "set": {"interval": 5},
    "rigl": {"interval": 5},
    "ac_dc": {"rounds": 2},
    "synflow": {"rounds": 5},
}
Begin = Callable[..., SparseTrainer]


@pytest.fixture
def start(data: DataSet) -> Begin:
    """A trainer for a method at a budget; other fields of the spec by name."""

    def make(method: str, budget: float = 0.25, architecture: Architecture = MODEL, **changes: Any) -> SparseTrainer:
        values = {
            "backbone": architecture.backbone, "seed": 3, "classes": CLASSES,
            "steps": 20, "tune_fraction": 0.25, "batch": 8, "lr": 0.01,
            "crop": 1, "flip": True, "allocation": "uniform", "pattern": "unstructured", "schedule": "constant",
            "options": OPTIONS.get(method, {}), "score_images": 16, "debug": True, **changes,
        }  # fmt: skip
        spec = SparsifySpec(method=method, budget_asked=budget, **values)
        return begin(spec, Images(data, CLASSES, architecture, spec.crop, spec.flip), Runtime())

    return make
