"""Torch-pruning's FPGM, as shipped: summed distances between the squared weights that make and read two units."""

from torch import nn

from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample, Scores
from maskbank.pruning.torch_pruning import importance_scores

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    return importance_scores(model, layers, sample, lambda tp: tp.importance.FPGMImportance(p=2))
