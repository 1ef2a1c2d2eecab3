"""Torch-pruning's Hessian (OBD), as shipped: w^2 * gradient^2, where only the last example's gradient counts."""

from torch import nn

from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample, Scores
from maskbank.pruning.torch_pruning import importance_scores, learn_squares

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    sample.require("tp_hessian")
    return importance_scores(model, layers, sample, lambda tp: tp.importance.GroupHessianImportance(), learn_squares)
