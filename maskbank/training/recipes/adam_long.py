"""Adam at twice the steps: what SAM's second pass would buy as training."""

import torch

from maskbank.training.recipe import Recipe


def recipe(*, length: int = 2) -> Recipe:
    return Recipe(torch.optim.Adam, length=length)
