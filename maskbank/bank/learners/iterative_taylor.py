"""Iterative Taylor (Molchanov et al. 2019) on the task: train a little, close the units that matter least, repeat.

Our setting: weights of a copy are trained with the head fixed, units leave along a cubic ramp, and the mask is of the
pretrained model, so that it can take the place of AMP's in a bank.
"""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.bank.learned import Learned
from maskbank.bank.ramp import ends_of, keep_best, later
from maskbank.measures.cost import Cost
from maskbank.models.units import Gates, Layer, ones
from maskbank.pruning.schedule import fractions
from maskbank.training.batchnorm import batch_statistics


def make(
    model: nn.Module, layers: list[Layer], cost: Cost, batches: Iterable[tuple[Tensor, Tensor]], budget: float,
    steps: int, lr: float, alive: dict[str, Tensor] | None = None, *, rounds: int = 5, rate: float = 0.001,
) -> Learned:  # fmt: skip
    """`rate`: Adam's on the weights; `lr`, the rate of learnable scores, is not used. Scores are squared gradients of gates.

    `alive`: masks of the units that are open at the start; None for all.
    """
    learner = copy.deepcopy(model)
    learner.get_classifier().requires_grad_(False)  # type: ignore[operator]
    optimizer = torch.optim.Adam([p for p in learner.parameters() if p.requires_grad], rate)
    alive = alive or ones(layers)
    soft = {layer.name: torch.zeros(layer.count) for layer in layers}
    total = {layer.name: torch.zeros(layer.count) for layer in layers}
    ends = dict(zip(ends_of(steps, rounds), fractions(f"cubic:{rounds}", budget), strict=True))
    with batch_statistics(learner):
        for step, (x, y) in enumerate(batches, start=1):
            gates = {name: mask.clone().requires_grad_() for name, mask in alive.items()}
            optimizer.zero_grad()
            with Gates(learner, layers, gates):
                F.cross_entropy(learner(x), y).backward()
            optimizer.step()
            for name, gate in gates.items():
                if gate.grad is not None:
                    total[name] += gate.grad**2
            if step in ends:
                soft = later(soft, total, alive)
                alive = keep_best(total, alive, cost, ends[step])
                total = {name: torch.zeros_like(value) for name, value in total.items()}
    return Learned(mask=alive, soft={name: value / (rounds + 1) for name, value in soft.items()})
