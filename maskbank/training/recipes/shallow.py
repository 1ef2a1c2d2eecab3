"""The depth-matched control of SNT: Adam on a sequential backbone as deep as the S2P form, with fewer parameters."""

import torch

from maskbank.models.checkpoint import Transform
from maskbank.training.recipe import Recipe


def recipe(*, parallel: int = 2) -> Recipe:
    return Recipe(torch.optim.Adam, transform=Transform("shallow", {"parallel": parallel}))
