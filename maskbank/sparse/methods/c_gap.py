"""C-GaP, cyclic grow-and-prune (Ma et al., ICLR 2022, arXiv 2106.09857).

Partitions of layers take turns at being dense; when the turn passes on, the old one is pruned back by magnitude.
Constant learning rate with a cosine fine-tune at the end is our choice for short schedules.
"""

from itertools import pairwise

import torch

from maskbank.errors import InputError
from maskbank.pruning.weights import Saliencies, magnitudes, weight_masks
from maskbank.sparse.trainer import SparseTrainer

ROLE = "method"


def train(
    trainer: SparseTrainer,
    budget: float,
    allocation: str,
    steps: int,
    *,
    partitions: int = 4,
    rounds: int = 2,
    tune_fraction: float = 0.25,
) -> None:
    """`rounds * partitions` growth phases of equal length, then one fine-tune. Raises InputError where they do not fit."""
    names = list(trainer.weights)
    if not 1 <= partitions <= len(names):
        raise InputError(f"sparsify.options.c_gap.partitions = {partitions}: the model has {len(names)} layers to part")
    turns = rounds * partitions
    length = int(steps * (1 - tune_fraction)) // turns
    if length < 1:
        raise InputError(f"sparsify.steps = {steps}: too few for {turns} growth phases; use fewer rounds or partitions")
    groups = contiguous(names, partitions)
    trainer.set_masks(weight_masks(chance(trainer), budget, "uniform"))
    for turn in range(turns):
        if turn:
            prune(trainer, groups[(turn - 1) % partitions], budget, allocation)
        grow(trainer, groups[turn % partitions])
        trainer.phase(length, "constant")
    prune(trainer, names, budget, allocation)
    trainer.phase(steps - turns * length, "cosine")


def contiguous(names: list[str], partitions: int) -> list[list[str]]:
    """Layers in forward order, cut into nearly equal runs."""
    edges = [round(index * len(names) / partitions) for index in range(partitions + 1)]
    return [names[start:end] for start, end in pairwise(edges)]


def chance(trainer: SparseTrainer) -> Saliencies:
    """A random value for every weight."""
    return {name: torch.rand(weight.shape, generator=trainer.generator) for name, weight in trainer.weights.items()}


def prune(trainer: SparseTrainer, names: list[str], budget: float, allocation: str) -> None:
    trainer.set_masks(weight_masks(magnitudes({name: trainer.weights[name] for name in names}), budget, allocation))


def grow(trainer: SparseTrainer, names: list[str]) -> None:
    """Every weight of these layers is live again; those that were masked are exactly zero."""
    trainer.set_masks({name: trainer.masks[name].new_ones(trainer.masks[name].shape) for name in names})
