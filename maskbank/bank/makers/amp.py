"""AMP: learnable unit scores on a frozen backbone, zeroed and frozen from the lowest up until the budget is met.

Our reading of SMSP's mask learning (the full text was not at hand): Adam on the scores alone, cross-entropy plus an
L1 penalty, scores clamped to [0, 1], a cubic ramp to the budget, BatchNorm on batch statistics.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.bank.learned import Learned
from maskbank.measures.cost import Cost
from maskbank.models.units import Gates, Layer, ones
from maskbank.pruning.allocation import removal_order
from maskbank.pruning.budget import select
from maskbank.training.batchnorm import batch_statistics


def make(
    model: nn.Module,
    layers: list[Layer],
    cost: Cost,
    batches: Iterable[tuple[Tensor, Tensor]],
    budget: float,
    steps: int,
    lr: float,
    *,
    penalty: float = 0.0001,
    every: int = 5,
) -> Learned:
    """Learn the scores over `steps` batches; `budget` is the fraction of units kept, ranked over all layers."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    scores = ones(layers, requires_grad=True)
    alive = ones(layers)
    optimizer = torch.optim.Adam(scores.values(), lr)
    with batch_statistics(model):
        for step, (x, y) in enumerate(batches, start=1):
            gates = {name: scores[name] * alive[name] for name in scores}
            with Gates(model, layers, gates):
                loss = F.cross_entropy(model(x), y)
            loss = loss + penalty * sum(gate.abs().sum() for gate in gates.values())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for score in scores.values():
                    score.clamp_(0, 1)
            if step % every == 0 or step == steps:
                fraction = 1 - (1 - budget) * (1 - (1 - step / steps) ** 3)
                alive = keep_best(scores, alive, cost, fraction)
    soft = {name: score.detach() for name, score in scores.items()}
    return Learned(mask=alive, soft=soft)


def keep_best(scores: dict[str, Tensor], alive: dict[str, Tensor], cost: Cost, fraction: float) -> dict[str, Tensor]:
    """Masks of the best units over all layers; a unit that was zeroed stays so."""
    units = sum(layer.count for layer in cost.layers)
    if round(fraction * units) == units:
        return alive
    ranked = {
        name: torch.where(alive[name] > 0, 1 + score.detach(), score.detach() * 0) for name, score in scores.items()
    }
    kept = select(removal_order(ranked, cost, "global"), cost, "units", fraction)
    return {name: torch.zeros_like(alive[name]).index_fill(0, kept[name], 1.0) for name in alive}
