"""Universal: SMSP with all class-disjoint entries of the bank. The control that says what similarity adds."""

import numpy as np
from torch import nn

from maskbank.bank.neighbours import Neighbours
from maskbank.bank.scoremask import score_mask
from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.models.units import Layer
from maskbank.pruning.sample import Scores

ROLE = "control"


def score(model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank) -> Scores:
    free = bank.free(target.dataset, target.classes)
    return score_mask(model, layers, bank, Neighbours(free, np.zeros(len(free))), "votes", 1.0)
