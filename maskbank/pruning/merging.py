"""Neuron Merging (Kim, Kim, Park and Kim, NeurIPS 2020): a removed unit is a kept one of similar weights, scaled.

Source: the most cosine-similar kept unit, the ratio of the norms as scale, a batch norm behind taken into both. Our
reading: a bias compensates for what differs, by the expected values of the two units without data
(`expectation.expected`), and units that point away from all kept ones are only compensated.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.models.units import Layer
from maskbank.pruning.approximation import Approximation, removed_units
from maskbank.pruning.expectation import expected
from maskbank.pruning.recording import Recording


def merge(model: nn.Module, layer: Layer, kept: Tensor, seen: Recording) -> Approximation | None:
    """None where more than norms, activations and pooling lies between what makes the units and what reads them."""
    folded = weights_and_gains(layer, seen)
    if folded is None:
        return None
    weights, gain = folded
    gone = removed_units(layer, kept)
    alike = F.normalize(weights[gone], dim=1) @ F.normalize(weights[kept], dim=1).T
    similarity, partner = alike.max(1)
    norms = weights.norm(dim=1)
    scale = norms[gone] / norms[kept][partner] * gain[gone] / gain[kept][partner]
    scale = torch.where((similarity > 0) & scale.isfinite(), scale, torch.zeros_like(scale))
    matrix = torch.zeros(len(gone), len(kept), dtype=torch.float64)
    matrix[torch.arange(len(gone)), partner] = scale
    values = expected(layer, layer.read[0], seen)
    return Approximation(matrix, None if values is None else values[gone] - matrix @ values[kept])


def weights_and_gains(layer: Layer, seen: Recording) -> tuple[Tensor, Tensor] | None:
    """Weights [count, fan] that make each unit with the norm behind folded in, and the factor [count] of a norm behind the
    activation, if there is one; float64."""
    made = [slot for slot in layer.made if slot.tensor.endswith("weight")]
    if len(made) != 1:
        return None
    paths = [seen.path(place, {made[0].tensor}) for slot in layer.read for place in seen.using(slot.tensor)]
    kinds = [
        None if path is None else [(seen.operations[p].name, seen.tensor(seen.operations[p])) for p in path]
        for path in paths
    ]
    if not kinds or kinds[0] is None or any(other != kinds[0] for other in kinds):
        return None
    assert paths[0] is not None
    weights = seen.operations[paths[0][0]].weight[made[0].index].flatten(1)
    gain = torch.ones(layer.count, dtype=torch.float64)
    active = False
    for place in paths[0][1:]:
        operation = seen.operations[place]
        active = active or operation.activation
        if operation.norm:
            mean = seen.tensor(operation, "running_mean")
            index = next(slot.index for slot in layer.carried if slot.tensor == mean)[:, 0]
            scale = operation.affine()[0][index]
            weights, gain = (weights, gain * scale) if active else (weights * scale[:, None], gain)
    return weights, gain
