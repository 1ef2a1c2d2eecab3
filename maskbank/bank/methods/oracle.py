"""Oracle: the mask learned by AMP on the target itself, at the budget asked. What a bank can at best stand in for."""

import copy

from torch import nn

from maskbank.bank.learners import amp
from maskbank.bank.scoremask import as_scores
from maskbank.bank.target import Target
from maskbank.models.units import Layer
from maskbank.pruning.sample import Scores

ROLE = "control"


def score(model: nn.Module, layers: list[Layer], target: Target, *, steps: int = 60, lr: float = 0.1) -> Scores:
    """On the head of prototypes; `steps` and `lr` are those of AMP."""
    frozen = copy.deepcopy(model)
    made = amp.make(frozen, layers, target.cost, target.batches(steps), target.budget, steps, lr)
    return as_scores(model, layers, made)
