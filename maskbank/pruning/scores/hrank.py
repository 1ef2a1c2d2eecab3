"""HRank: the mean rank of a unit's feature maps (Lin et al. 2020, equation 4).

A channel's map is its square of pixels; a head's is its matrix [tokens, width] (our reading). What has no matrix (a
node, a channel of one pixel) would have rank 1 always: there the mean |activation| stands in.
"""

import math

import torch
from torch import Tensor, nn

from maskbank.models.units import Layer
from maskbank.pruning.activations import average
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def ranks(layer: Layer, activation: Tensor) -> Tensor:
    """[B, count]"""
    batch, positions, count, width = activation.shape
    shape = (positions, width)
    if layer.kind == "channel":  # flattened before a dense layer, its pixels are the width
        shape = (math.isqrt(positions * width),) * 2
    if min(shape) == 1 or shape[0] * shape[1] != positions * width:
        return activation.abs().mean((1, 3))
    maps = activation.movedim(2, 1).reshape(batch * count, *shape)
    return torch.linalg.matrix_rank(maps).reshape(batch, count).to(activation.dtype)


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    sample.require("hrank")
    return average(model, layers, sample, ranks)
