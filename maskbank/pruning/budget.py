"""Budgets: where to cut the removal order so that a fraction of units, parameters or MACs is left."""

from collections import Counter
from collections.abc import Callable

import torch

from maskbank.errors import InputError
from maskbank.measures.cost import Cost
from maskbank.models.surgery import Kept
from maskbank.pruning.allocation import Unit


def counts_after(order: list[Unit], cut: int, cost: Cost) -> dict[str, int]:
    """Units left in each layer when the first `cut` of the order are removed."""
    removed = Counter(name for name, _ in order[:cut])
    return {name: count - removed[name] for name, count in cost.dense.items()}


def measure(kind: str, cost: Cost) -> Callable[[dict[str, int]], int]:
    """The size that a budget of this kind bounds."""
    return {"units": lambda counts: sum(counts.values()), "params": cost.params, "macs": cost.macs}[kind]


def cut_at(order: list[Unit], cost: Cost, kind: str, budget: float) -> int:
    """The smallest cut that meets the budget (units: the nearest). Raises InputError below the floor, naming it."""
    size = measure(kind, cost)
    dense = size(cost.dense)
    limit = round(budget * dense) if kind == "units" else budget * dense
    floor = size(counts_after(order, len(order), cost))
    if floor > limit:
        raise InputError(
            f"budget of {budget:g} of the {kind}: out of reach; with one unit left in each layer {floor / dense:.4f} remain"
        )
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        if size(counts_after(order, middle, cost)) <= limit:
            high = middle
        else:
            low = middle + 1
    if low == 0 and budget < 1:
        raise InputError(f"budget of {budget:g} of the {kind}: nothing would be pruned")
    return low


def select(order: list[Unit], cost: Cost, kind: str, budget: float) -> Kept:
    """Indices kept in each layer, ascending."""
    removed = set(order[: cut_at(order, cost, kind, budget)])
    return {
        layer.name: torch.tensor([unit for unit in range(layer.count) if (layer.name, unit) not in removed])
        for layer in cost.layers
    }


def achieved(kept: Kept, cost: Cost, kind: str) -> float:
    """The fraction that is left."""
    size = measure(kind, cost)
    return size({name: len(index) for name, index in kept.items()}) / size(cost.dense)
