"""Iterative Taylor (Molchanov et al. 2019) on the target itself: train a little, close the units that matter least, repeat.

The units are then cut from the pretrained model, so that what follows is the same as for every other method (our setting).
"""

from torch import nn

from maskbank.bank.learners import iterative_taylor
from maskbank.bank.scoremask import as_scores
from maskbank.bank.target import Target
from maskbank.models.units import Layer
from maskbank.pruning.sample import Scores

ROLE = "rival"
SEARCH = {"steps": [30, 60], "rounds": [3, 5]}


def score(model: nn.Module, layers: list[Layer], target: Target, *, steps: int = 60, rounds: int = 5) -> Scores:
    batches = target.batches(steps)
    made = iterative_taylor.make(model, layers, target.cost, batches, target.budget, steps, 0.0, rounds=rounds)
    return as_scores(model, layers, made)
