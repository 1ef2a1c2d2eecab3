"""Taylor, first order (Molchanov et al. 2019): squared loss change of removing a unit, summed over batches of 32."""

import torch
from torch import nn
from torch.nn import functional as F

from maskbank.models.units import Gates, Layer, ones
from maskbank.pruning.sample import Sample, Scores
from maskbank.training.batchnorm import batch_statistics

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    """The gradient at a gate of 1 is the sum of activation times gradient over the unit's outputs."""
    gates = ones(layers, requires_grad=True)
    total = {layer.name: torch.zeros(layer.count) for layer in layers}
    with batch_statistics(model), Gates(model, layers, gates):
        for x, y in sample.chunks():
            gradients = torch.autograd.grad(F.cross_entropy(model(x), y), list(gates.values()))
            for name, gradient in zip(gates, gradients, strict=True):
                total[name] += gradient.detach() ** 2
    return total
