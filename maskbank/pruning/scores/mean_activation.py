"""Mean activation: the mean of |activation| over examples and positions (Molchanov et al. 2017, section 2.2)."""

from torch import nn

from maskbank.models.units import Layer
from maskbank.pruning.activations import average
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    """The absolute value is our reading: behind a ReLU it changes nothing, behind GELU or in a head signs would cancel."""
    sample.require("mean_activation")
    return average(model, layers, sample, lambda _, activation: activation.abs().mean((1, 3)))
