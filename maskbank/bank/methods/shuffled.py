"""Shuffled: the scores of SMSP, dealt again among the units of each layer. Its layer widths, without its choice of units."""

from typing import Any

import torch
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
    scores = smsp.score(model, layers, target, bank, **options)
    draw = target.sample.generator
    return {name: values[torch.randperm(len(values), generator=draw)] for name, values in scores.items()}
