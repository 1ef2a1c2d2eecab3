"""Score masks: one score a unit, made of the masks of several bank entries."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maskbank.bank.learned import Learned
from maskbank.bank.neighbours import Neighbours
from maskbank.bank.store import MaskBank
from maskbank.models.units import Layer, unit_weights
from maskbank.pruning.sample import Scores

Array = NDArray[np.float64]


def rank01(values: Tensor) -> Tensor:
    """Scale to [0, 1)."""
    low, high = values.min(), values.max()
    return torch.zeros_like(values) if high == low else (values - low) / (high - low) * 0.999


def score_mask(
    model: nn.Module, layers: list[Layer], bank: MaskBank, chosen: Neighbours, aggregate: str, temperature: float
) -> Scores:
    """The entries' masks as one score a unit; ties by the sum of unthresholded scores, then by the norm of its weights.

    `aggregate`: votes, how many entries keep the unit; sum, of the learned scores of units that they keep; weighted, the
    sum with weights softmax(similarity / temperature); normalised, the sum with the scores of each entry scaled to add
    up to one.
    """
    soft = bank.scores(chosen.indices).astype(float)
    if aggregate == "votes":
        values = bank.mask_sum(chosen.indices)
    else:
        learned = bank.masks(chosen.indices) * soft
        values = {
            "sum": lambda: learned.sum(0),
            "weighted": lambda: softmax(chosen.similarity / temperature) @ learned,
            "normalised": lambda: (learned / np.maximum(learned.sum(1, keepdims=True), 1e-12)).sum(0),
        }[aggregate]()
    return break_ties(model, layers, bank.split(values), bank.split(soft.sum(0)))


def softmax(values: Array) -> Array:
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def break_ties(model: nn.Module, layers: list[Layer], first: Scores, second: Scores) -> Scores:
    """Scores in which `second`, and after it the norm of a unit's weights, decide between equal values of `first`.

    One number carries all three: the tie-breaks are scaled to a millionth and a billionth of the smallest step of
    `first`, small enough to stay below it after a division by what a unit costs.
    """
    levels = torch.cat([first[layer.name].double() for layer in layers]).unique()
    step = float(levels.diff().min()) if len(levels) > 1 else 1.0
    scores: Scores = {}
    for layer in layers:
        norm = unit_weights(model, layer).double().norm(dim=1)
        ties = 1e-6 * rank01(second[layer.name].double()) + 1e-9 * rank01(norm)
        scores[layer.name] = first[layer.name].double() + step * ties
    return scores


def as_scores(model: nn.Module, layers: list[Layer], made: Learned) -> Scores:
    """One mask as scores: what it keeps above what it does not, in order of the learned scores."""
    return break_ties(model, layers, made.mask, made.soft)
