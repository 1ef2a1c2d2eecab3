"""One mask of several, made for one task with different seeds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from maskbank.bank.learned import Learned
from maskbank.bank.ramp import keep_best
from maskbank.measures.cost import Cost
from maskbank.models.units import ones
from maskbank.registry import LEARNERS
from maskbank.seeds import torch_generator

Batches = Callable[[torch.Generator], Iterable[tuple[Tensor, Tensor]]]


def consensus(made: Sequence[Learned], cost: Cost, budget: float) -> Learned:
    """The units kept most often, ties by the mean of the unthresholded scores; of one mask that mask itself."""
    if len(made) == 1:
        return made[0]
    names = list(made[0].mask)
    soft = {name: torch.stack([each.soft[name] for each in made]).mean(0) for name in names}
    votes = {name: torch.stack([each.mask[name] for each in made]).mean(0) for name in names}
    ranked = {name: votes[name] + 1e-3 * soft[name] for name in names}
    return Learned(keep_best(ranked, ones(list(cost.layers)), cost, budget), soft)


def learn(
    learner: str, model: nn.Module, cost: Cost, batches: Batches, budget: float, steps: int, lr: float, seeds: Sequence[int],
    options: Mapping[str, Any],
) -> Learned:  # fmt: skip
    """What the masks agree on that a learner makes with each seed, on batches drawn by it."""
    made = []
    for seed in seeds:
        torch.manual_seed(seed)
        drawn = batches(torch_generator(seed, "batches"))
        make = LEARNERS.module(learner).make
        made.append(make(model, list(cost.layers), cost, drawn, budget, steps, lr, **options))
    return consensus(made, cost, budget)
