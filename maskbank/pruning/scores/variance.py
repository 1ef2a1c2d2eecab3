"""Variance: of a unit's activation over examples and positions. A constant unit can be folded into the next bias.

The criterion of variance-based pruning as we read it: what is lost by putting the mean in a unit's place.
"""

import torch
from torch import nn

from maskbank.models.units import Layer
from maskbank.pruning.activations import average
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    """Of a head the sum over its features."""
    sample.require("variance")
    moments = average(
        model, layers, sample,
        lambda _, activation: torch.stack([activation.double().mean(1), activation.double().square().mean(1)], -1),
    )  # fmt: skip
    spread = {name: (value[..., 1] - value[..., 0] ** 2).clamp_min(0) for name, value in moments.items()}
    return {name: value.sum(1).to(torch.get_default_dtype()) for name, value in spread.items()}
