"""Torch-pruning's LAMP, as shipped: its group magnitude, each unit over the sum of those that are at least as large."""

from torch import nn

from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample, Scores
from maskbank.pruning.torch_pruning import importance_scores

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    return importance_scores(model, layers, sample, lambda tp: tp.importance.LAMPImportance(p=2))
