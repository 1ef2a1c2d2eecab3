"""L1: the sum of |w| over the weights that make a unit (Li et al. 2017, section 3.1). Needs no data."""

from collections.abc import Mapping

from torch import Tensor, nn

from maskbank.models.units import Layer, unit_weights
from maskbank.pruning.sample import Sample, Scores
from maskbank.pruning.weights import magnitudes

ROLE = "rival"


def saliency(model: nn.Module, weights: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
    """|w|: magnitude pruning (Han et al. 2015)."""
    return magnitudes(weights)


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    return {layer.name: unit_weights(model, layer).norm(1, dim=1) for layer in layers}
