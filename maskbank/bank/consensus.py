"""One mask of several, made for one task with different seeds."""

from collections.abc import Sequence

import torch

from maskbank.bank.learned import Learned
from maskbank.bank.ramp import keep_best
from maskbank.measures.cost import Cost


def consensus(made: Sequence[Learned], cost: Cost, budget: float) -> Learned:
    """The units kept most often, ties by the mean of the unthresholded scores; of one mask that mask itself."""
    if len(made) == 1:
        return made[0]
    names = list(made[0].mask)
    soft = {name: torch.stack([each.soft[name] for each in made]).mean(0) for name in names}
    votes = {name: torch.stack([each.mask[name] for each in made]).mean(0) for name in names}
    ranked = {name: votes[name] + 1e-3 * soft[name] for name in names}
    return Learned(keep_best(ranked, {name: torch.ones_like(votes[name]) for name in names}, cost, budget), soft)
