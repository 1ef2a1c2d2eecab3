"""Budgets: where to cut the removal order so that a fraction of units, parameters, MACs, bytes or memory is left."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from maskbank.errors import InputError
from maskbank.measures.cost import Cost
from maskbank.models.surgery import Kept
from maskbank.pruning.allocation import Order

BUDGET_KINDS = ("units", "params", "macs", "bytes", "peak")  # peak: bytes of activations alive at once
Size = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # counts [K, L] -> [K]


def counts_after(order: Order, cut: int, cost: Cost) -> dict[str, int]:
    """Units left in each layer when the first `cut` of the order are removed."""
    left = row_after(order, cut, cost)[0]
    return {layer.name: round(count) for layer, count in zip(cost.layers, left, strict=True)}


def row_after(order: Order, cut: int, cost: Cost) -> NDArray[np.float64]:
    return cost.row(cost.dense) - np.bincount(order.layer[:cut], minlength=len(cost.layers))


def size_of(kind: str, cost: Cost) -> Size:
    """The size that a budget of this kind bounds."""
    sizes: dict[str, Size] = {
        "units": lambda counts: counts.sum(1),
        "params": cost.params_of,
        "macs": cost.macs_of,
        "bytes": cost.bytes_of,
        "peak": cost.peak_of,
    }
    if kind not in sizes:
        raise InputError(f"budget kind = {kind!r}: no such kind; choose from {', '.join(BUDGET_KINDS)}")
    return sizes[kind]


def cut_at(order: Order, cost: Cost, kind: str, budget: float, size: Size | None = None) -> int:
    """The smallest cut that meets the budget (units: the nearest). Raises InputError below the floor, naming it.

    `size` replaces the size of the kind, for budgets that only a measurement can tell (latency).
    """
    size = size or size_of(kind, cost)
    dense = float(size(cost.row(cost.dense))[0])
    limit = round(budget * dense) if kind == "units" else budget * dense
    floor = float(size(row_after(order, len(order), cost))[0])
    if floor > limit:
        raise InputError(
            f"budget of {budget:g} of the {kind}: out of reach; with one unit left in each layer {floor / dense:.4f} remain"
        )
    low, high = 0, len(order)
    while low < high:
        middle = (low + high) // 2
        if float(size(row_after(order, middle, cost))[0]) <= limit:
            high = middle
        else:
            low = middle + 1
    return low


def select(order: Order, cost: Cost, kind: str, budget: float, size: Size | None = None) -> Kept:
    """Indices kept in each layer, ascending. Raises InputError where nothing would be pruned."""
    cut = cut_at(order, cost, kind, budget, size)
    if cut == 0 and budget < 1:
        raise InputError(nothing_pruned(kind, budget))
    return kept_after(order, cut, cost)


def nothing_pruned(kind: str, budget: float) -> str:
    return f"budget of {budget:g} of the {kind}: nothing would be pruned; use a smaller one"


def kept_after(order: Order, cut: int, cost: Cost) -> Kept:
    """Indices left in each layer when the first `cut` of the order are removed."""
    gone_layer, gone_unit = order.layer[:cut], order.unit[:cut]
    kept: Kept = {}
    for place, layer in enumerate(cost.layers):
        stays = np.ones(layer.count, dtype=bool)
        stays[gone_unit[gone_layer == place]] = False
        kept[layer.name] = torch.from_numpy(np.flatnonzero(stays))
    return kept


def achieved(kept: Kept, cost: Cost, kind: str) -> float:
    """The fraction that is left."""
    size = size_of(kind, cost)
    left = cost.row({name: len(index) for name, index in kept.items()})
    return float(size(left)[0] / size(cost.row(cost.dense))[0])
