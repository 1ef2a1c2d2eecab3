"""Allocation: from scores to the order in which units are removed. A budget is then a place to cut this order."""

import numpy as np
from numpy.typing import NDArray

from maskbank.errors import InputError
from maskbank.measures.cost import Cost
from maskbank.pruning.sample import Scores

Unit = tuple[str, int]


def removal_order(scores: Scores, cost: Cost, allocation: str) -> list[Unit]:
    """All units but the best of each layer (the min-keep guard, alike for every method), first to go first.

    uniform: the same fraction of every layer. global: by score alone. global_macs: by score for each MAC that
    the unit costs. Heads and nodes (or channels) are ranked apart and leave in step. Equal scores leave in order of
    layer and index, so that the order is one and the same everywhere.
    """
    check_scores(scores, cost)
    per_unit = cost.unit_macs()
    kinds: dict[str, list[tuple[float, int, Unit]]] = {}
    for position, layer in enumerate(cost.layers):
        values = scores[layer.name].double().numpy()
        ranked = np.lexsort((np.arange(layer.count), values))  # ascending; ties by index
        worth = worth_of(values, ranked, allocation, per_unit[layer.name])
        kinds.setdefault(layer.kind, []).extend(
            (float(worth[unit]), position, (layer.name, int(unit))) for unit in ranked[:-1]
        )
    merged: list[tuple[float, str, int, Unit]] = []
    for kind, units in kinds.items():
        units.sort()
        merged += [((place + 1) / len(units), kind, place, unit) for place, (*_, unit) in enumerate(units)]
    return [unit for *_, unit in sorted(merged)]


def worth_of(values: NDArray, ranked: NDArray, allocation: str, macs: int) -> NDArray:
    """[count] what units of different layers are compared by."""
    if allocation == "uniform":
        place = np.empty(len(values))
        place[ranked] = (np.arange(len(values)) + 1) / len(values)
        return place
    return values / macs if allocation == "global_macs" else values


def check_scores(scores: Scores, cost: Cost) -> None:
    for layer in cost.layers:
        values = scores.get(layer.name)
        if values is None or values.shape != (layer.count,):
            shape = "missing" if values is None else f"of shape {list(values.shape)}"
            raise InputError(f"scores of {layer.name}: {shape}; expected [{layer.count}], one a unit")
        if not values.isfinite().all():
            raise InputError(f"scores of {layer.name}: NaN or infinite; the method cannot rank these units")
