"""APoZ: 1 minus the average percentage of zeros of a unit's activation (Hu et al. 2016, equation 1).

A number that is not above 0 counts as a zero: behind a ReLU that is the paper's definition, behind a GELU (never quite
0) our reading. A head has no activation function; its score is how often it is positive, which says little.
"""

from torch import nn

from maskbank.models.units import Layer
from maskbank.pruning.activations import average
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    sample.require("apoz")
    return average(model, layers, sample, lambda _, activation: (activation > 0).to(activation.dtype).mean((1, 3)))
