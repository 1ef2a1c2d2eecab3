"""Torch-pruning's activation importance, as shipped: mean |input| (of a linear layer, the sum) of all that reads a unit."""

from torch import nn

from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample, Scores
from maskbank.pruning.torch_pruning import importance_scores, learn_activations

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    sample.require("tp_activation")
    return importance_scores(model, layers, sample, lambda tp: tp.importance.ActivationImportance(), learn_activations)
