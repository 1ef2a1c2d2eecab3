"""Allocation: from scores to the order in which units are removed. A budget is then a place to cut this order."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskbank.errors import InputError
from maskbank.measures.cost import Cost
from maskbank.models.units import Layer
from maskbank.patterns import OF_UNITS, PER_LAYER
from maskbank.pruning.sample import Scores


@dataclass(frozen=True, eq=False)
class Order:
    """Units in the order in which they leave: `layer` [N] places in `names`, `unit` [N] indices in that layer."""

    names: tuple[str, ...]
    layer: NDArray[np.int64]
    unit: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.layer)

    def pairs(self) -> list[tuple[str, int]]:
        return [(self.names[layer], int(unit)) for layer, unit in zip(self.layer, self.unit, strict=True)]


def removal_order(
    scores: Scores, cost: Cost, allocation: str, weights: Mapping[str, float] | None = None, dense: Cost | None = None
) -> Order:
    """All units but the best of each layer (the min-keep guard, alike for every method), first to go first.

    uniform: the same fraction of every layer. erk: fractions by Erdos-Renyi-kernel (Evci et al. 2020). per_layer:
    fractions kept in proportion to `weights` by layer name. global: by score alone. global_macs: by score for each MAC
    that the unit costs. isomorphic (Fang et al. 2024, our reading): by score among layers of one shape, such classes
    in step. Otherwise heads, nodes and channels are ranked apart and leave in step. Equal scores leave in order of
    layer and index, so that the order is one and the same everywhere. `dense`: the model of which fractions are fractions,
    where `cost` is of one that has lost units before.
    """
    check_scores(scores, cost)
    whole = {layer.name: layer for layer in (dense or cost).layers}
    shares = layer_shares(cost, allocation, weights)
    saved = cost.unit_macs() if allocation == "global_macs" else {}
    parts: dict[tuple, list[tuple[NDArray, ...]]] = {}
    once: dict[tuple, int] = {}  # units of a class that could leave the dense model
    for position, layer in enumerate(cost.layers):
        values = scores[layer.name].double().numpy()
        ranked = np.argsort(values, kind="stable")[:-1]  # ascending; ties by index; the best one stays
        if allocation in ("global", "isomorphic"):
            worth = values[ranked]
        elif allocation == "global_macs":
            worth = values[ranked] / saved[layer.name]
        else:
            left = layer.count - 1.0 - np.arange(layer.count - 1)
            worth = -left / whole[layer.name].count / shares[layer.name]
        key = isomorphism(whole[layer.name]) if allocation == "isomorphic" else (layer.kind,)
        parts.setdefault(key, []).append((worth, np.full(len(ranked), position), ranked))
        once[key] = once.get(key, 0) + whole[layer.name].count - 1
    classes = [in_step(parts[key], number, once[key]) for number, key in enumerate(sorted(parts, key=str))]
    place, number, positions, units = (np.concatenate(column) for column in zip(*classes, strict=True))
    merged = np.lexsort((number, place))
    return Order(tuple(layer.name for layer in cost.layers), positions[merged], units[merged])


def in_step(part: list[tuple[NDArray, ...]], number: int, once: int) -> tuple[NDArray, ...]:
    """Units of one class by worth, each with the fraction of its class that has left when it leaves."""
    worth, position, unit = (np.concatenate(column) for column in zip(*part, strict=True))
    by_worth = np.lexsort((unit, position, worth))
    place = (once - len(unit) + np.arange(len(unit)) + 1) / max(1, once)
    return place, np.full(len(unit), number), position[by_worth], unit[by_worth]


def layer_shares(cost: Cost, allocation: str, weights: Mapping[str, float] | None) -> dict[str, float]:
    """What the kept fractions of layers are proportional to."""
    if allocation not in OF_UNITS:
        raise InputError(f"allocation = {allocation!r}: no such allocation; choose from {', '.join(OF_UNITS)}")
    if allocation == PER_LAYER:
        names, given = set(cost.dense), dict(weights or {})
        wrong = sorted(names ^ set(given)) + sorted(name for name, value in given.items() if not value > 0)
        if wrong:
            raise InputError(f"allocation per_layer, {wrong[0]}: give every layer, and no other, a fraction above 0")
        return given
    if allocation == "erk":
        shapes = {layer.name: cost.shapes[layer.made[0].tensor] for layer in cost.layers}
        return {name: sum(shape) / float(np.prod(shape)) for name, shape in shapes.items()}
    return dict.fromkeys(cost.dense, 1.0)


def isomorphism(layer: Layer) -> tuple:
    """Layers with the same kind, width and pattern of slots are one class."""
    return (layer.kind, layer.count, tuple((slot.role, slot.dim, slot.width) for slot in layer.slots))


def check_scores(scores: Scores, cost: Cost) -> None:
    for layer in cost.layers:
        values = scores.get(layer.name)
        if values is None or values.shape != (layer.count,):
            shape = "missing" if values is None else f"of shape {list(values.shape)}"
            raise InputError(f"scores of {layer.name}: {shape}; expected [{layer.count}], one a unit")
        if not values.isfinite().all():
            raise InputError(f"scores of {layer.name}: NaN or infinite; the method cannot rank these units")
