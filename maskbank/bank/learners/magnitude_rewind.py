"""Magnitude with rewinding (Frankle & Carbin 2019, from pretrained weights as Chen et al. 2020): train on the task, close
the units of smallest norm, put the weights back, repeat.

Our setting: whole units by the L2 norm over all layers, equal ratios a round, the head fixed.
"""

import copy
from collections.abc import Iterable
from itertools import islice, pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.bank.learned import Learned
from maskbank.bank.ramp import ends_of, keep_best, later
from maskbank.measures.cost import Cost
from maskbank.models.units import Gates, Layer, ones, unit_weights
from maskbank.pruning.schedule import fractions
from maskbank.training.batchnorm import batch_statistics


def make(
    model: nn.Module, layers: list[Layer], cost: Cost, batches: Iterable[tuple[Tensor, Tensor]], budget: float,
    steps: int, lr: float, *, rounds: int = 3, rate: float = 0.001,
) -> Learned:  # fmt: skip
    """`rate`: Adam's on the weights; `lr`, the rate of learnable scores, is not used."""
    alive, soft = ones(layers), {layer.name: torch.zeros(layer.count) for layer in layers}
    remaining = iter(batches)
    edges = pairwise([0, *ends_of(steps, rounds)])
    for (start, end), fraction in zip(edges, fractions(f"exponential:{rounds}", budget), strict=True):
        learner = trained(model, layers, alive, islice(remaining, end - start), rate)
        norms = {layer.name: unit_weights(learner, layer).norm(dim=1) for layer in layers}
        soft = later(soft, norms, alive)
        alive = keep_best(norms, alive, cost, fraction)
    return Learned(mask=alive, soft={name: value / (rounds + 1) for name, value in soft.items()})


def trained(
    model: nn.Module,
    layers: list[Layer],
    alive: dict[str, Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    rate: float,
) -> nn.Module:
    """A copy, trained under the mask."""
    learner = copy.deepcopy(model)
    learner.get_classifier().requires_grad_(False)  # type: ignore[operator]
    optimizer = torch.optim.Adam([p for p in learner.parameters() if p.requires_grad], rate)
    with batch_statistics(learner), Gates(learner, layers, alive):
        for x, y in batches:
            optimizer.zero_grad()
            F.cross_entropy(learner(x), y).backward()
            optimizer.step()
    return learner
