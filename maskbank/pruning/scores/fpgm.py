"""FPGM: the sum of distances to the weights of all other units of the layer (He et al. 2019, equation 6). Needs no data.

Units near the geometric median are what the others can stand in for. All distances come from one matrix product.
"""

from torch import Tensor, nn

from maskbank.models.units import Layer, unit_weights
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    return {layer.name: distances(unit_weights(model, layer)).sum(1) for layer in layers}


def distances(points: Tensor) -> Tensor:
    """[n, n] Euclidean, of points [n, d]. Centred first: rounding then is of their spread, not of their norm."""
    points = points - points.mean(0)
    squares = (points * points).sum(1).double()
    products = (points @ points.T).double()
    found = (squares[:, None] + squares - 2 * products).clamp_min_(0).fill_diagonal_(0).sqrt_()
    return found.to(points.dtype)
