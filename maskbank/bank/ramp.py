"""Masks that shrink while they are learned: units that were closed stay closed."""

import torch
from torch import Tensor

from maskbank.measures.cost import Cost
from maskbank.pruning.allocation import removal_order
from maskbank.pruning.budget import select


def keep_best(scores: dict[str, Tensor], alive: dict[str, Tensor], cost: Cost, fraction: float) -> dict[str, Tensor]:
    """Masks of the best of the open units over all layers, a `fraction` of all units; scores are at least 0."""
    units = sum(layer.count for layer in cost.layers)
    if round(fraction * units) == units:
        return alive
    ranked = {name: torch.where(alive[name] > 0, score.detach(), -torch.ones(())) for name, score in scores.items()}
    kept = select(removal_order(ranked, cost, "global"), cost, "units", fraction)
    return {name: torch.zeros_like(alive[name]).index_fill(0, kept[name], 1.0) for name in alive}


def ends_of(steps: int, rounds: int) -> list[int]:
    """The steps at which equal rounds end."""
    return [round(steps * (turn + 1) / rounds) for turn in range(rounds)]


def later(soft: dict[str, Tensor], scores: dict[str, Tensor], alive: dict[str, Tensor]) -> dict[str, Tensor]:
    """Unthresholded scores: open units above all that were closed before, in order of their scores at this time."""
    top = max(float(value.max()) for value in scores.values()) or 1.0
    return {
        name: torch.where(alive[name] > 0, soft[name].floor() + 1 + 0.999 * scores[name] / top, soft[name])
        for name in soft
    }
