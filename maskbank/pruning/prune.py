"""Pruning the units of a net: score x allocation x schedule, down to a budget; which units stay, and how much that is."""

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any

from torch import nn

from maskbank.errors import InputError
from maskbank.measures.cost import Cost
from maskbank.models.graph import UnitSet
from maskbank.models.surgery import Kept, slice_in_place, slice_units
from maskbank.models.units import Layer
from maskbank.pruning.allocation import Order, removal_order
from maskbank.pruning.budget import Size, cut_at, kept_after, select, size_of
from maskbank.pruning.reconstruction import Merge, reconstruct, with_biases
from maskbank.pruning.sample import Sample, Scores
from maskbank.pruning.schedule import fractions

Score = Callable[[nn.Module, list[Layer]], Scores]
PATTERNS = {"units": "internal", "units:coupled": "coupled", "units:all": "all"}


@dataclass(frozen=True)
class Target:
    """How far and how a net is pruned. `weights`: kept fractions by layer name, for allocation per_layer."""

    budget: float
    budget_kind: str = "units"
    allocation: str = "uniform"
    schedule: str = "one_shot"
    weights: Mapping[str, float] | None = None
    size: Size | None = None  # measured size, for a budget of latency


def unit_set(pattern: str) -> UnitSet:
    """Which units a structured pattern may remove: `units` (of one layer), `units:coupled`, `units:all`."""
    if pattern not in PATTERNS:
        raise InputError(f"pattern = {pattern!r}: expected one of {', '.join(PATTERNS)}")
    return PATTERNS[pattern]  # type: ignore[return-value]


def prune_units(model: nn.Module, cost: Cost, score: Score, target: Target) -> Kept:
    """The units to keep, by layer of `cost`. Over several rounds the sliced net is scored again each time."""
    *rounds, last = fractions(target.schedule, target.budget)
    kept: Kept = {}
    small, seen = model, cost
    for fraction in rounds:
        order = rank(small, seen, score, target)
        cut = cut_at(order, seen, target.budget_kind, fraction * share(cost, seen, target), target.size)
        if cut:
            now = kept_after(order, cut, seen)
            kept = compose(kept, now)
            small = copy.deepcopy(model) if small is model else small
            seen = replace(seen, layers=tuple(slice_in_place(small, list(seen.layers), now)))
    order = rank(small, seen, score, target)
    return compose(kept, select(order, seen, target.budget_kind, last * share(cost, seen, target), target.size))


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


def rank(model: nn.Module, cost: Cost, score: Score, target: Target) -> Order:
    return removal_order(score(model, list(cost.layers)), cost, target.allocation, target.weights)


def dense_size(cost: Cost, target: Target) -> float:
    size = target.size or size_of(target.budget_kind, cost)
    return float(size(cost.row(cost.dense))[0])


def share(dense: Cost, now: Cost, target: Target) -> float:
    """What a fraction of the dense net is a fraction of now."""
    return 1.0 if now is dense else dense_size(dense, target) / dense_size(now, target)


def compose(before: Kept, now: Kept) -> Kept:
    """Indices into the dense net, from those into the net that `before` has left."""
    return {name: before[name][index] for name, index in now.items()} if before else now
