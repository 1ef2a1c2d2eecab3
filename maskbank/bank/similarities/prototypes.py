"""Prototype cosine: how near the target's class means are to those of stored tasks. One dense forward, no sub-network."""

import numpy as np
from numpy.typing import NDArray
from torch import nn

from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.models.units import Layer


def similarity(
    model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank, indices: NDArray[np.int64]
) -> NDArray[np.float64]:
    return bank.similarity(target.prototypes, indices)
