"""Shared by all tests: one thread, small networks, a tiny data set made from a seed."""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from xdist.scheduler.loadscope import LoadScopeScheduling

from maskbank.data.dataset import DataSet
from maskbank.models.checkpoint import Architecture, Transform

torch.set_num_threads(1)
pd.options.mode.string_storage = "python"  # as tables are read

POOL = ("cells/test_run.py", "sparse/test_parallel.py")  # these start workers of their own

S2P = Transform("s2p", {"parallel": 2})
LARGE = "timm resnet50"
ARCHITECTURES = {
    "resnet": Architecture("resnet20", 4, 1, 8, {"width": 4}),
    "parallel resnet": Architecture("resnet20", 4, 1, 8, {"width": 4}, S2P),
    "folded resnet": Architecture("resnet20", 4, 1, 8, {"width": 4}, S2P, folded=True),
    "vit": Architecture("vit", 4, 1, 8, {"dim": 12, "depth": 2, "heads": 3, "patch": 4}),
    "parallel vit": Architecture("vit", 4, 1, 8, {"dim": 12, "depth": 2, "heads": 3, "patch": 4}, S2P),
    "folded vit": Architecture("vit", 4, 1, 8, {"dim": 12, "depth": 2, "heads": 3, "patch": 4}, S2P, folded=True),
    LARGE: Architecture("resnet50", 4, 3, 32, {"pretrained": False}),
}


LONG = ("tests/pipeline/", "tests/report/")  # begin first, one worker each


class Groups(LoadScopeScheduling):
    """What one test worker runs in order: a file; the rooms that share a clone or a report; all that starts pools."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((room for room in LONG if room in path), "pool" if path.endswith(POOL) else path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest groups begin first, so that two workers end at about the same time."""
    items.sort(key=lambda item: next((place for place, room in enumerate(LONG) if room in item.nodeid), len(LONG)))


@pytest.fixture(params=list(ARCHITECTURES))
def architecture(request: pytest.FixtureRequest) -> Architecture:
    return ARCHITECTURES[request.param]


@pytest.fixture
def small() -> Architecture:
    return ARCHITECTURES["resnet"]


def crossed(names: Iterable[str], everywhere: Collection[str]) -> list[Any]:
    """Every name with every architecture: each day with the plain ones, `everywhere` with all; at night all with all."""
    return [
        pytest.param(name, made, id=f"{name}-{label}", marks=[] if daily else [pytest.mark.nightly])
        for name in names
        for label, made in ARCHITECTURES.items()
        for daily in [name in everywhere or label in ("resnet", "vit")]
    ]


def random_model(architecture: Architecture, seed: int = 0) -> torch.nn.Module:
    """A float64 model in eval mode with random BatchNorm gains (timm starts some at zero) and real statistics."""
    torch.manual_seed(seed)
    model = architecture.build().double().train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    model(torch.randn(8, architecture.channels, architecture.size, architecture.size, dtype=torch.float64))
    return model.eval()


@pytest.fixture
def data() -> DataSet:
    """40 training, 12 validation and 20 test images of 8 x 8 pixels in 4 classes; class c is bright in quadrant c."""
    generator = np.random.default_rng(0)
    arrays = {}
    for part, count in (("train", 40), ("validation", 12), ("test", 20)):
        y = np.arange(count) % 4
        x = generator.integers(0, 80, (count, 8, 8, 1))
        for image, label in zip(x, y, strict=True):
            image[4 * (label // 2) : 4 * (label // 2) + 4, 4 * (label % 2) : 4 * (label % 2) + 4] += 150
        arrays[f"{part}_x"] = torch.from_numpy(x.astype(np.uint8))
        arrays[f"{part}_y"] = torch.from_numpy(y.astype(np.int64))
        arrays[f"{part}_ids"] = torch.arange(count)
    return DataSet(["a", "b", "c", "d"], torch.tensor([0.3]), torch.tensor([0.3]), arrays)
