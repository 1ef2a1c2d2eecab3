"""Pruning the units of a model: score x allocation x schedule, down to a budget; which units stay, and how much that is."""

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import nn

from maskbank.errors import InputError
from maskbank.measures.cost import Cost
from maskbank.models.graph import UnitSet
from maskbank.models.surgery import Kept, slice_in_place, slice_units
from maskbank.models.units import Layer
from maskbank.patterns import UNITS, parse_pattern
from maskbank.pruning.allocation import removal_order
from maskbank.pruning.approximation import Merge
from maskbank.pruning.budget import Size, cut_at, kept_after, nothing_pruned, size_of
from maskbank.pruning.patterns import Pattern
from maskbank.pruning.reconstruction import reconstruct, with_biases
from maskbank.pruning.sample import Sample, Scores
from maskbank.pruning.schedule import fractions
from maskbank.pruning.weights import Masks, Saliencies, apply_masks, weight_masks

Score = Callable[[nn.Module, list[Layer]], Scores]
Rank = Callable[[nn.Module, dict[str, nn.Parameter]], Saliencies]


@dataclass(frozen=True)
class Target:
    """How far and how a model is pruned. `weights`: kept fractions by layer name, for allocation per_layer."""

    budget: float
    budget_kind: str = "units"
    allocation: str = "uniform"
    schedule: str = "one_shot"
    weights: Mapping[str, float] | None = None
    size: Size | None = None  # measured size, for a budget of latency


def unit_set(pattern: str) -> UnitSet:
    """Which units a structured pattern may remove: `units` (of one layer), `units:coupled`, `units:all`."""
    return UNITS[parse_pattern(pattern, ("units",)).text]  # type: ignore[return-value]


def prune_units(model: nn.Module, cost: Cost, score: Score, target: Target) -> Kept:
    """The units to keep, by layer of `cost`. Over several rounds the sliced model is scored again each time."""
    kept = {layer.name: torch.arange(layer.count) for layer in cost.layers}
    small, seen = model, cost
    for fraction in fractions(target.schedule, target.budget):
        scores = score(small, list(seen.layers))
        order = removal_order(scores, seen, target.allocation, target.weights, dense=cost)
        cut = cut_at(order, seen, target.budget_kind, fraction * share(cost, seen, target), target.size)
        if cut:
            now = kept_after(order, cut, seen)
            kept = {name: kept[name][index] for name, index in now.items()}
            small = copy.deepcopy(model) if small is model else small
            seen = replace(seen, layers=tuple(slice_in_place(small, list(seen.layers), now)))
    if seen is cost and target.budget < 1:
        raise InputError(nothing_pruned(target.budget_kind, target.budget))
    return kept


def merge_of(module: ModuleType, options: Mapping[str, Any]) -> Merge | None:
    """A method's own merge, with those of its options that it takes; None where the general one is to be used."""
    merge = getattr(module, "merge", None)
    if merge is None:
        return None
    taken = inspect.signature(merge).parameters
    return partial(merge, **{name: value for name, value in options.items() if name in taken})


def reconstructed(
    model: nn.Module, cost: Cost, kept: Kept, how: str, sample: Sample, merge: Merge | None = None
) -> nn.Module:
    """A copy with only the kept units, its readers told of the others as `how` says (see `reconstruction`)."""
    if how == "none":
        return slice_units(model, list(cost.layers), kept)
    told = copy.deepcopy(model)
    names = reconstruct(told, list(cost.layers), kept, how, sample, merge)
    slice_in_place(told, with_biases(list(cost.layers), names), kept)
    return told


def dense_size(cost: Cost, target: Target) -> float:
    size = target.size or size_of(target.budget_kind, cost)
    return float(size(cost.row(cost.dense))[0])


def share(dense: Cost, now: Cost, target: Target) -> float:
    """What a fraction of the dense model is a fraction of now."""
    return 1.0 if now is dense else dense_size(dense, target) / dense_size(now, target)


def thin(model: nn.Module, weights: dict[str, nn.Parameter], rank: Rank, target: Target, pattern: Pattern) -> Masks:
    """Masks of single weights, applied to the model; over several rounds what is left is ranked again, and zeros stay."""
    masks: Masks = {}
    for fraction in fractions(target.schedule, target.budget):
        values = rank(model, weights)
        if masks:
            lowest = min(float(value.min()) for value in values.values()) - 1
            values = {name: value.masked_fill(~masks[name], lowest) for name, value in values.items()}
        masks = weight_masks(values, fraction, target.allocation, pattern)
        apply_masks(weights, masks)
    return masks
