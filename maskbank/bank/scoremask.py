"""Score masks: one score a unit, made of the masks of several bank entries."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from maskbank.bank.entry import Entry
from maskbank.models.units import Layer, unit_weights
from maskbank.pruning.sample import Scores


def rank01(values: Tensor) -> Tensor:
    """Scale to [0, 1)."""
    low, high = values.min(), values.max()
    return torch.zeros_like(values) if high == low else (values - low) / (high - low) * 0.999


def sum_masks(model: nn.Module, layers: list[Layer], entries: Sequence[Entry]) -> Scores:
    """How many entries keep a unit; ties by the sum of unthresholded scores, then by the norm of its weights.

    The tie-breaks are scaled below the smallest step of what they break (1 and 1e-3 of a vote), so that one
    number a unit carries all three.
    """
    scores: Scores = {}
    for layer in layers:
        votes = torch.stack([entry.mask[layer.name] for entry in entries]).double().sum(0)
        soft = torch.stack([entry.soft[layer.name] for entry in entries]).double().sum(0)
        norm = unit_weights(model, layer).double().norm(dim=1)
        scores[layer.name] = votes + 0.5 * rank01(soft) + 1e-4 * rank01(norm)
    return scores
