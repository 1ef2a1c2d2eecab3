"""Random neighbours: SMSP with entries drawn at random. The control that says what similarity adds at equal M."""

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


def score(model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank, **options: Any) -> Scores:
    return smsp.score(model, layers, target, bank, **options | {"similarity": "random"})
