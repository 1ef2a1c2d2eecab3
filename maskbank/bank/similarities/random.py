"""Random: no similarity at all. The control of the others."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.models.units import Layer


def similarity(
    model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank, indices: NDArray[np.int64]
) -> NDArray[np.float64]:
    return torch.rand(len(indices), generator=target.sample.generator).double().numpy()
