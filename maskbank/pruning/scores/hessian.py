"""Hessian: OBD's saliency h w^2 / 2 (LeCun et al. 1990, equation 5), with the Hessian's true diagonal h by Hutchinson probes.

h is the mean over probes of v * (H v), v of random signs (Bekas et al. 2007). A negative h is taken as it is.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from maskbank.models.units import Layer, made_weights, unit_sums
from maskbank.pruning.derivatives import hessians
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def saliency(model: nn.Module, weights: Mapping[str, Tensor], sample: Sample, *, probes: int = 4) -> dict[str, Tensor]:
    """`probes` for every 32 examples, each at the cost of a double backward over them."""
    sample.require("hessian")
    diagonal = {name: torch.zeros_like(weight.detach()) for name, weight in weights.items()}
    for times in hessians(model, weights, sample):
        for _ in range(probes):
            signs = {name: random_signs(weight, sample.generator) for name, weight in weights.items()}
            for name, product in times(signs).items():
                diagonal[name] += signs[name] * product / probes
    return {name: diagonal[name] * weight.detach() ** 2 / 2 for name, weight in weights.items()}


def random_signs(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2, like.shape, generator=generator).to(like.dtype) * 2 - 1


def score(model: nn.Module, layers: list[Layer], sample: Sample, *, probes: int = 4) -> Scores:
    """The sum over the weights that make a unit."""
    values = saliency(model, made_weights(model, layers), sample, probes=probes)
    return {layer.name: unit_sums(values, layer) for layer in layers}
