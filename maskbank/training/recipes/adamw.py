"""AdamW: Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""

import torch

from maskbank.training.recipe import Recipe


def recipe(*, weight_decay: float = 0.05) -> Recipe:
    return Recipe(lambda parameters, lr: torch.optim.AdamW(parameters, lr, weight_decay=weight_decay))
