"""Magnitude in SMSP's widths: each layer keeps as many units as under SMSP, those of the largest norm."""

from typing import Any

from torch import nn

from maskbank.bank.methods import smsp
from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.models.units import Layer, unit_weights
from maskbank.pruning.sample import Scores

ROLE = "control"
CONTROL_OF = "smsp"


def score(model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank, **options: Any) -> Scores:
    """The scores of SMSP, given out in each layer in order of the norm of the weights."""
    scores, dealt = smsp.score(model, layers, target, bank, **options), {}
    for layer in layers:
        places = unit_weights(model, layer).norm(dim=1).argsort(stable=True).argsort()
        dealt[layer.name] = scores[layer.name].sort().values[places]
    return dealt
