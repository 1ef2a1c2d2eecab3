"""AMP: learnable unit scores on a frozen backbone, zeroed and frozen from the lowest up until the budget is met.

Our reading of SMSP's mask learning (the full text was not at hand): Adam on the scores alone, cross-entropy plus an
L1 penalty, scores clamped to [0, 1], a cubic ramp to the budget, BatchNorm on batch statistics.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.bank.learned import Learned
from maskbank.bank.ramp import keep_best
from maskbank.measures.cost import Cost
from maskbank.models.units import Gates, Layer, ones
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
