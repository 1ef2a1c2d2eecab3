"""CrAM+ (Peste et al. 2023, arXiv 2207.14200) around Adam: the loss of the model and of its pruned self; two passes a step."""

from maskbank.training.cram import CompressionAware
from maskbank.training.recipe import Recipe


def recipe(*, rho: float = 0.05) -> Recipe:
    return Recipe(lambda parameters, lr: CompressionAware(parameters, lr, rho), passes=2)
