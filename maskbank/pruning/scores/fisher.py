"""Fisher: the mean over examples of squared gradients, an estimate of the loss a unit or weight is worth.

Units: half the mean squared gradient at the unit's gate (Theis et al. 2018, equation 9). Weights: half of w^2 times
the mean squared gradient, that is, OBD (LeCun et al. 1990) with the empirical Fisher for the Hessian's diagonal.
BatchNorm uses its running statistics here, so that an example's gradient is its own.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from maskbank.models.units import Gates, Layer, ones
from maskbank.pruning.derivatives import leaves
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def saliency(model: nn.Module, weights: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
    sample.require("fisher")
    model.eval()
    held = leaves(weights)
    total = {name: torch.zeros_like(weight) for name, weight in held.items()}
    for x, y in sample.chunks(1):
        with torch.enable_grad():
            loss = F.cross_entropy(functional_call(model, held, (x,)), y)
        add_squares(total, torch.autograd.grad(loss, list(held.values()), materialize_grads=True))
    return {name: weights[name].detach() ** 2 * value / (2 * len(sample.x)) for name, value in total.items()}


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    sample.require("fisher")
    model.eval()
    gates = ones(layers, requires_grad=True)
    total = {name: torch.zeros_like(gate) for name, gate in gates.items()}
    with Gates(model, layers, gates):
        for x, y in sample.chunks(1):
            loss = F.cross_entropy(model(x), y)
            add_squares(total, torch.autograd.grad(loss, list(gates.values()), retain_graph=True))
    return {name: value.detach() / (2 * len(sample.x)) for name, value in total.items()}


@torch.no_grad()
def add_squares(total: dict[str, Tensor], slopes: tuple[Tensor, ...]) -> None:
    for name, slope in zip(total, slopes, strict=True):
        total[name] += slope**2
