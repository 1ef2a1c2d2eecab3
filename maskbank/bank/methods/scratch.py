"""Scratch: the sub-network of SMSP with fresh random weights. The control that says what pretraining is worth at this size."""

from typing import Any

from torch import nn

from maskbank.bank.methods import smsp
from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.models.units import Layer
from maskbank.pruning.sample import Scores

ROLE = "control"
DRAWS = True
CONTROL_OF = "smsp"
WEIGHTS = "random"


def score(model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank, **options: Any) -> Scores:
    return smsp.score(model, layers, target, bank, **options)
