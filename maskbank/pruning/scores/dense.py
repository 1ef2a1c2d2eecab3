"""Dense: every unit counts the same; with a budget of 1 nothing is removed. The reference, not a pruning method."""

from torch import nn

from maskbank.models.units import Layer, ones
from maskbank.pruning.sample import Sample, Scores

ROLE = "reference"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    return ones(layers)
