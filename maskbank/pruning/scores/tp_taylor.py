"""Torch-pruning's Taylor, as shipped: sum of |w * gradient| over the weights that make and read a unit."""

from torch import nn

from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample, Scores
from maskbank.pruning.torch_pruning import importance_scores, learn_gradients

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    sample.require("tp_taylor")
    return importance_scores(model, layers, sample, lambda tp: tp.importance.GroupTaylorImportance(), learn_gradients)
