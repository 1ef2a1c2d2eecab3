"""Farthest neighbours: SMSP with the least similar entries. Where similarity carries anything, they must be worse."""

from typing import Any

from torch import nn

from maskbank.bank.methods import smsp
from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.models.units import Layer
from maskbank.pruning.sample import Scores

ROLE = "control"
CONTROL_OF = "smsp"


def score(model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank, **options: Any) -> Scores:
    return smsp.score(model, layers, target, bank, **options | {"order": "farthest"})
