"""SNT's parallel form (our S2P reading) trained with SAM around Adam."""

from maskbank.models.checkpoint import Transform
from maskbank.training.recipe import Recipe
from maskbank.training.sam import sharpness_aware


def recipe(*, parallel: int = 2, start: float = 0.0, scale: float = 1.0, rho: float = 0.05) -> Recipe:
    return Recipe(
        sharpness_aware(rho, adaptive=False), passes=2,
        transform=Transform("s2p", {"parallel": parallel, "scale": scale}), start=start,
    )  # fmt: skip
