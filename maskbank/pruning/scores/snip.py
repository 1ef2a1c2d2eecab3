"""SNIP: |w dL/dw|, how much the loss feels a weight's presence (Lee et al. 2019, equation 6, without the common divisor)."""

from collections.abc import Mapping

from torch import Tensor, nn

from maskbank.models.units import Layer, made_weights, unit_sums
from maskbank.pruning.derivatives import gradient
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def saliency(model: nn.Module, weights: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
    sample.require("snip")
    slopes = gradient(model, weights, sample)
    return {name: (weight.detach() * slopes[name]).abs() for name, weight in weights.items()}


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    """The sum over the weights that make a unit (our reading; the paper prunes single weights)."""
    values = saliency(model, made_weights(model, layers), sample)
    return {layer.name: unit_sums(values, layer) for layer in layers}
