"""Taylor, first order (Molchanov et al. 2019): squared loss change of removing a unit, summed over batches of 32."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.models.units import Gates, Layer, ones
from maskbank.pruning.derivatives import gradients
from maskbank.pruning.sample import Sample, Scores
from maskbank.training.batchnorm import batch_statistics

ROLE = "rival"


def saliency(model: nn.Module, weights: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
    """(w dL/dw)^2 (equation 8 there), of each batch's share of the mean loss, summed over batches."""
    sample.require("taylor")
    total = {name: torch.zeros_like(weight.detach()) for name, weight in weights.items()}
    for part in gradients(model, weights, sample):
        for name, slope in part.items():
            total[name] += (weights[name].detach() * slope) ** 2
    return total


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    """The gradient at a gate of 1 is the sum of activation times gradient over the unit's outputs."""
    sample.require("taylor")
    gates = ones(layers, requires_grad=True)
    total = {layer.name: torch.zeros(layer.count) for layer in layers}
    with batch_statistics(model), Gates(model, layers, gates):
        for x, y in sample.chunks():
            loss = F.cross_entropy(model(x), y)
            slopes = torch.autograd.grad(loss, list(gates.values()), retain_graph=True)
            for name, slope in zip(gates, slopes, strict=True):
                total[name] += slope.detach() ** 2
    return total
