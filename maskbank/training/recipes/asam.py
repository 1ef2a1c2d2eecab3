"""ASAM (Kwon et al. 2021) around Adam: SAM in a ball that scales with |w|, without their offset eta."""

from maskbank.training.recipe import Recipe
from maskbank.training.sam import sharpness_aware


def recipe(*, rho: float = 0.5) -> Recipe:
    return Recipe(sharpness_aware(rho, adaptive=True), passes=2)
