"""LAMP: w^2 over the sum of the squares of this and all larger weights of its tensor (Lee et al. 2021, equation 3). No data."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from maskbank.models.units import Layer, made_weights, unit_sums
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def saliency(model: nn.Module, weights: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
    """The largest weight of every tensor has 1. Equal weights are equal: each counts all of them as larger."""
    return {name: lamp(weight.detach()) for name, weight in weights.items()}


def lamp(weight: Tensor) -> Tensor:
    squares = weight.flatten().square().numpy()
    order = np.argsort(squares)
    rising = squares[order]
    first = np.maximum.accumulate(np.where(np.diff(rising, prepend=-1) > 0, np.arange(len(rising)), 0))
    larger = np.cumsum(rising[::-1], dtype=np.float64)[::-1][first]
    values = np.empty_like(squares)
    values[order] = rising / np.maximum(larger, np.finfo(np.float64).tiny)
    return torch.from_numpy(values).reshape(weight.shape)


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    """The sum over the weights that make a unit (our reading; the paper prunes single weights)."""
    values = saliency(model, made_weights(model, layers), sample)
    return {layer.name: unit_sums(values, layer) for layer in layers}
