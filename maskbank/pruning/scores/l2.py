"""L2: the norm of the weights that make a unit (Li et al. 2017 with the L2 norm). Needs no data."""

from torch import nn

from maskbank.models.units import Layer, unit_weights
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    return {layer.name: unit_weights(model, layer).norm(dim=1) for layer in layers}
