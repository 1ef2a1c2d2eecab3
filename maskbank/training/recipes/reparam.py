"""Adam with a parallel train-time branch at each convolution, merged exactly afterwards (after RepVGG, Ding et al. 2021)."""

import torch

from maskbank.models.checkpoint import Transform
from maskbank.models.transforms import reparam
from maskbank.training.recipe import Recipe


def recipe() -> Recipe:
    return Recipe(torch.optim.Adam, transform=Transform("reparam"), merge=reparam.merge)
