"""The workloads at sizes for tests, and models that know the answers."""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from maskbank.training.workload import Pairs, Workload
from maskbank.workloads import detection, parts, translation

PARTS = {"train": 16, "validation": 4, "test": 8}
TINY: dict[ModuleType, dict[str, Any]] = {
    detection: PARTS | {"size": 16, "width": 8, "blocks": 1},
    parts: PARTS | {"points": 32, "width": 8},
    translation: PARTS | {"dim": 16, "heads": 2, "inner": 16, "layers": 1},
}


def tiny(module: ModuleType, **options: Any) -> Workload:
    workload: Workload = module.workload(**(TINY[module] | options))
    return workload


class Oracle(nn.Module):
    """Gives to each x, by its first `key` numbers, the outputs that it was told."""

    def __init__(self, x: Tensor, outputs: Tensor, key: int) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))
        self.key = key
        self.known = {self.read(each): answer for each, answer in zip(x, outputs, strict=True)}

    def read(self, x: Tensor) -> bytes:
        return x.flatten()[: self.key].numpy().tobytes()

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.known[self.read(each)] for each in x])


def rows(pairs: Pairs) -> list[bytes]:
    return [each.numpy().tobytes() for each in pairs[0]]
