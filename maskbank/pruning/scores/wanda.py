"""Wanda: |w| times the norm of the input feature that it multiplies (Sun et al. 2024, equation 1).

The norm is over examples and positions (tokens, pixels), of a convolution's input as it comes, without padding (our
reading; the paper has linear layers only, and ranks the weights of one output against each other).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from maskbank.models.units import Layer, feature_axis
from maskbank.pruning.sample import Sample, Scores
from maskbank.training.batchnorm import batch_statistics

ROLE = "rival"


@torch.no_grad()
def input_norms(model: nn.Module, names: list[str], sample: Sample) -> dict[str, Tensor]:
    """Module name -> [features] the root of the sum of squares of each input feature over the sample."""
    total: dict[str, Tensor] = {}

    def add(name: str, module: nn.Module, x: Tensor) -> None:
        squares = x.movedim(feature_axis(module), -1).flatten(0, -2).square().sum(0)
        total[name] = total[name] + squares if name in total else squares

    handles = [
        model.get_submodule(name).register_forward_pre_hook(
            lambda module, inputs, name=name: add(name, module, inputs[0])
        )
        for name in names
    ]
    try:
        with batch_statistics(model):
            for x, _ in sample.chunks():
                model(x)
    finally:
        for handle in handles:
            handle.remove()
    return {name: squares.sqrt() for name, squares in total.items()}


def saliency(model: nn.Module, weights: Mapping[str, Tensor], sample: Sample) -> dict[str, Tensor]:
    sample.require("wanda")
    owners = {name: name.removesuffix(".weight") for name in weights}
    norms = input_norms(model, list(owners.values()), sample)
    return {
        name: weight.detach().abs() * by_input(norms[owners[name]], model.get_submodule(owners[name]), weight)
        for name, weight in weights.items()
    }


def by_input(norms: Tensor, module: nn.Module, weight: Tensor) -> Tensor:
    """Norms of the features that each output reads (its group's), in a shape that goes with the weight."""
    groups = getattr(module, "groups", 1)
    each = norms.reshape(groups, -1).repeat_interleave(len(weight) // groups, 0)
    return each.reshape(*each.shape, *[1] * (weight.ndim - 2))


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    """The sum over the weights that *read* a unit, whose input feature is the unit itself (our reading)."""
    state = dict(model.named_parameters())
    names = dict.fromkeys(slot.tensor for layer in layers for slot in layer.read)
    values = saliency(model, {name: state[name] for name in names}, sample)
    return {
        layer.name: torch.stack([slot.rows(values[slot.tensor]).sum(1) for slot in layer.read]).sum(0)
        for layer in layers
    }
