"""MVP, meta-vote pruning (Zhao et al. 2023): votes of the nearest tasks drawn per layer, then a few prune rounds on the target.

Our reading: units are drawn without replacement in each layer with odds by their votes, `spare` times as many as are to
be kept, and iterative Taylor closes the rest. The neighbours' averaged weights that the paper starts from are here the
pretrained ones, as masks are made on a frozen backbone.
"""

import torch
from torch import nn

from maskbank.bank.learners import iterative_taylor
from maskbank.bank.neighbours import find_neighbours
from maskbank.bank.ramp import keep_best
from maskbank.bank.scoremask import as_scores
from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.models.units import Layer, ones
from maskbank.pruning.sample import Scores

ROLE = "control"
SEARCH = {"neighbours": [3, 5], "rounds": [2, 3]}


def score(
    model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank, *,
    neighbours: int = 5, spare: float = 2.0, rounds: int = 3, steps: int = 30,
) -> Scores:  # fmt: skip
    chosen = find_neighbours(model, layers, target, bank, count=neighbours)
    votes = bank.split(bank.masks(chosen.indices).sum(0) + 0.1)  # none is out of reach
    draw = target.sample.generator
    keys = {name: torch.rand(len(value), generator=draw) ** (1 / value) for name, value in votes.items()}
    drawn = keep_best(keys, ones(layers), target.cost, min(1.0, spare * target.budget))
    made = iterative_taylor.make(
        model, layers, target.cost, target.batches(steps), target.budget, steps, 0.0, rounds=rounds, alive=drawn
    )
    return as_scores(model, layers, made)
