"""BN scale: |gamma| of the BatchNorm right behind what makes a unit (Liu et al. 2017, network slimming). Needs no data."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from maskbank.errors import InputError
from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    """Of several norms (a residual stream) the mean, our reading. Raises InputError for a layer without any."""
    return {layer.name: torch.stack(gains(model, layer)).mean(0) for layer in layers}


def gains(model: nn.Module, layer: Layer) -> list[Tensor]:
    """[count] |gamma| of each BatchNorm that the units pass through."""
    found = [
        model.get_parameter(slot.tensor).detach().abs()[slot.index].mean(1)
        for slot in layer.carried
        if slot.tensor.endswith(".weight") and isinstance(model.get_submodule(slot.module), _BatchNorm)
    ]
    if not found:
        raise InputError(
            f"method bn_scale: no BatchNorm with a scale behind {layer.name} of {type(model).__name__}; use l1 or taylor instead"
        )
    return found
