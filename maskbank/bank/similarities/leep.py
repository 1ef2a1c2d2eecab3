"""LEEP (Nguyen et al. 2020): how well an entry's sub-network, by its own classes, predicts the target's labels.

The similarity of SMSP in our reading. Each entry is physically sliced, and what comes before the first unit that can be
removed is computed once for all of them.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskbank.bank.store import MaskBank
from maskbank.bank.subnets import Subnets
from maskbank.bank.target import Target
from maskbank.models.units import Layer


def similarity(
    model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank, indices: NDArray[np.int64]
) -> NDArray[np.float64]:
    """At most 0. Entries of other numbers of classes are made comparable by `neighbours.across_ways`."""
    subnets = Subnets(model, layers, [x for x, _ in target.sample.chunks(128)])
    ways, y = len(target.classes), target.sample.y
    probabilities = (subnets.logits(bank.entry(int(index))).float().softmax(1) for index in indices)
    return np.array([leep(probability, y, ways) for probability in probabilities])


def leep(probability: Tensor, y: Tensor, ways: int) -> float:
    """Equation 2 of the paper: mean log of the expected empirical predictor.

    `probability` [N, C_s] of the source classes, `y` [N] target labels in 0..ways-1. At most 0; values are
    compared within one C_s only.
    """
    probability = probability.double()
    onehot = torch.nn.functional.one_hot(y, ways).double()
    joint = onehot.T @ probability / len(y)  # [C_t, C_s]
    conditional = joint / joint.sum(0).clamp_min(1e-12)
    expected = (probability @ conditional.T)[torch.arange(len(y)), y]
    return float(expected.clamp_min(1e-12).log().mean())
