"""Torch-pruning's random importance; it draws from the global generator, which is seeded from the sample's and put back."""

import torch
from torch import nn

from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample, Scores
from maskbank.pruning.torch_pruning import importance_scores

ROLE = "control"
DRAWS = True


def score(model: nn.Module, layers: list[Layer], sample: Sample) -> Scores:
    seed = int(torch.randint(2**62, (), generator=sample.generator))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return importance_scores(model, layers, sample, lambda tp: tp.importance.RandomImportance())
