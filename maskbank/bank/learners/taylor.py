"""Taylor (Molchanov et al. 2019) in one shot on the task: a criterion without training, and so without its noise."""

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
    model: nn.Module, layers: list[Layer], cost: Cost, batches: Iterable[tuple[Tensor, Tensor]], budget: float,
    steps: int, lr: float,
) -> Learned:  # fmt: skip
    """Scores are squared gradients of the units' gates, summed over the batches; `steps` and `lr` are not used."""
    total = {layer.name: torch.zeros(layer.count) for layer in layers}
    with batch_statistics(model):
        for x, y in batches:
            gates = ones(layers, requires_grad=True)
            with Gates(model, layers, gates):
                loss = F.cross_entropy(model(x), y)
            for name, slope in zip(gates, torch.autograd.grad(loss, list(gates.values())), strict=True):
                total[name] += slope**2
    top = max(float(value.max()) for value in total.values()) or 1.0
    return Learned(keep_best(total, ones(layers), cost, budget), {name: value / top for name, value in total.items()})
