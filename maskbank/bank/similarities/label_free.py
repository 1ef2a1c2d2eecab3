"""Label-free: cosine of the tasks' mean features, for a target whose labels are not used."""

import numpy as np
from numpy.typing import NDArray
from torch import nn

from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.models.units import Layer


def similarity(
    model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank, indices: NDArray[np.int64]
) -> NDArray[np.float64]:
    return bank.label_free(target.prototypes, indices)
