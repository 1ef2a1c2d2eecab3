"""SAM (Foret et al. 2021) around Adam: the gradient at the worst point of a ball of radius rho; two passes a step."""

from maskbank.training.recipe import Recipe
from maskbank.training.sam import sharpness_aware


def recipe(*, rho: float = 0.05) -> Recipe:
    return Recipe(sharpness_aware(rho, adaptive=False), passes=2)
