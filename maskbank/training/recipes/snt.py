"""SNT (Heo et al., arXiv 2305.04526), our S2P reading: Adam on the parallel form of the backbone."""

import torch

from maskbank.models.checkpoint import Transform
from maskbank.training.recipe import Recipe


def recipe(*, parallel: int = 2, start: float = 0.0, scale: float = 1.0) -> Recipe:
    """`parallel` blocks become one, after the fraction `start` of the steps, their branches scaled by `scale`."""
    return Recipe(torch.optim.Adam, transform=Transform("s2p", {"parallel": parallel, "scale": scale}), start=start)
