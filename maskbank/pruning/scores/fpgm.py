"""FPGM: the sum of distances to the weights of all other units of the layer (He et al. 2019, equation 6). Needs no data.

Units near the geometric median are what the others can stand in for. Distances come from matrix products, each pair once.
"""

import torch
from torch import Tensor, nn

from maskbank.models.units import Layer, unit_weights
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


BLOCK = 512  # units whose distances to all later ones are held at once


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    return {layer.name: distances(unit_weights(model, layer)) for layer in layers}


def distances(points: Tensor) -> Tensor:
    """[n] the sum of Euclidean distances of each of `points` [n, d] to all others.

    Centred first: rounding then is of their spread, not of their norm.
    """
    points = points - points.mean(0)
    squares = (points * points).sum(1).double()
    total = torch.zeros_like(squares)
    for start in range(0, len(points), BLOCK):
        rows = points[start : start + BLOCK]
        end = start + len(rows)
        products = (rows @ points[start:].T).double()
        found = (squares[start:end, None] + squares[start:] - 2 * products).clamp_min_(0)
        found.fill_diagonal_(0).sqrt_()
        total[start:end] += found.sum(1)
        total[end:] += found[:, len(rows) :].sum(0)
    return total.to(points.dtype)
