"""Random: a uniform score a unit, the floor of every comparison."""

import torch
from torch import nn

from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample, Scores

ROLE = "control"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    return {layer.name: torch.rand(layer.count, generator=sample.generator) for layer in layers}
