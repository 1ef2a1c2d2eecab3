"""Neuron merging's choice of units (Kim et al. 2020, algorithm 1): the norm of the weights, as l1 or l2. Needs no data.

The method is in what happens next: a removed unit is folded into the kept unit of most similar weights, by cosine,
scaled to its length. That is reconstruction, an option of every method.
"""

from torch import nn

from maskbank.errors import InputError
from maskbank.models.units import Layer, unit_weights
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample, *, norm: int = 1) -> Scores:
    """`norm` 1 or 2, the paper's l1-norm and l2-norm criteria."""
    if norm not in (1, 2):
        raise InputError(f"neuron_merging.norm = {norm!r}: expected 1 or 2")
    return {layer.name: unit_weights(model, layer).norm(p=norm, dim=1) for layer in layers}
