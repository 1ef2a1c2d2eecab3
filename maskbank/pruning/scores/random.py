"""Random: a uniform score a unit or weight, the floor of every comparison."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample, Scores

ROLE = "control"
DRAWS = True


def saliency(model: nn.Module, weights: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
    return {name: torch.rand(weight.shape, generator=sample.generator) for name, weight in weights.items()}


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    return {layer.name: torch.rand(layer.count, generator=sample.generator) for layer in layers}
