"""Adam (Kingma & Ba 2015), the baseline of every recipe."""

import torch

from maskbank.training.recipe import Recipe


def recipe() -> Recipe:
    return Recipe(torch.optim.Adam)
