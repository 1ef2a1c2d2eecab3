"""Which units a model has: a trace cut into layers, each with the slots that hold its units."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from maskbank.errors import InputError
from maskbank.models.trace import FIXED, Binding, Trace
from maskbank.models.tracer import trace
from maskbank.models.units import Layer, Slot
from maskbank.seeds import numpy_generator

UnitSet = Literal["internal", "coupled", "all"]


@dataclass(frozen=True, eq=False)
class Graph:
    """The layers of a model, the trace that they were found in, and the layer of each of the trace's numbers (-1: none)."""

    layers: list[Layer]
    trace: Trace
    owner: NDArray[np.int64]


def find_layers(model: nn.Module, image: tuple[int, ...], units: UnitSet = "internal") -> list[Layer]:
    """All prunable layers in forward order, for inputs of (channels, pixels a side). Raises InputError where there are none."""
    return read_graph(model, image, units).layers


def read_graph(model: nn.Module, image: tuple[int, ...], units: UnitSet = "internal") -> Graph:
    """`internal`: units that one layer makes; `coupled`: residual streams too; `all`: embedding widths of transformers too."""
    seen = trace(model, image)
    unit_of = seen.components()
    found = [(layer, members) for layer, members in group_units(seen, unit_of) if belongs(layer, units)]
    if not found:
        why = ", ".join(sorted(seen.pinned)) or "nothing reads what its layers make"
        raise InputError(f"{type(model).__name__}: no prunable units found; all of it is held by: {why}")
    owner = np.full(unit_of.max() + 1, -1)
    for place, (_, members) in enumerate(found):
        owner[members] = place
    return Graph([layer for layer, _ in found], seen, owner[unit_of])


def belongs(layer: Layer, units: UnitSet) -> bool:
    """Whether a layer is of a set of units, as `read_graph` tells them."""
    return units == "all" or (layer.kind != "embedding" and (units == "coupled" or not layer.coupled))


def group_units(seen: Trace, unit_of: NDArray[np.int64]) -> Iterator[tuple[Layer, NDArray[np.int64]]]:
    """Units that lie in the very same slots form a layer; yields each with the numbers of its units, in forward order."""
    bindings = list(seen.bindings.items())
    units = [unit_of[binding.ids.numpy()] for _, binding in bindings]
    generator = numpy_generator(0, "inputs")
    signature = np.zeros(unit_of.max() + 1, dtype=np.uint64)
    roles = {role: np.zeros(len(signature), dtype=bool) for role in ("made", "carried", "read")}
    first = np.full(len(signature), len(bindings))
    for place, ((_, binding), members) in enumerate(zip(bindings, units, strict=True)):
        np.add.at(signature, members, generator.integers(1, 2**63, dtype=np.uint64))
        roles[binding.role][members] = True
        if binding.role == "made":
            first[members] = np.minimum(first[members], place)
    whole = roles["made"] & roles["read"]
    whole[unit_of[FIXED]] = False
    flags = {name: np.zeros(len(signature), dtype=bool) for name in ("heads", "added", "normed")}
    for name, flag in flags.items():
        for ids in getattr(seen, name):
            flag[unit_of[ids.numpy()]] = True
    chosen = np.flatnonzero(whole)
    chosen = chosen[np.lexsort((signature[chosen], first[chosen]))]
    cuts = np.flatnonzero(np.diff(signature[chosen])) + 1
    names: dict[str, int] = {}
    slots_of = slots_by_layer(bindings, units, np.split(chosen, cuts) if len(chosen) else [], first, len(signature))
    for members, slots in slots_of:
        maker = slots[[slot.role for slot in slots].index("made")]
        names[maker.module] = names.get(maker.module, -1) + 1
        name = maker.module + (f":{names[maker.module]}" if names[maker.module] else "")
        one = {flag: bool(values[members].any()) for flag, values in flags.items()}
        convolution = len(seen.shapes[maker.tensor]) > 2
        kind = "head" if one["heads"] else "embedding" if one["normed"] else "channel" if convolution else "node"
        yield Layer(name, kind, len(members), tuple(slots), coupled=one["added"] and kind != "head"), members


def slots_by_layer(
    bindings: list[tuple[tuple[str, int], Binding]],
    units: list[NDArray[np.int64]],
    members: list[NDArray[np.int64]],
    first: NDArray,
    total: int,
) -> list[tuple[NDArray[np.int64], list[Slot]]]:
    """For each layer its units, ordered as their first maker holds them, and its slots."""
    layer_of, place_of = np.full(total, -1), np.zeros(total, dtype=np.int64)
    ordered = []
    for number, group in enumerate(members):
        maker = units[first[group[0]]]
        _, position = np.unique(maker, return_index=True)
        where = np.zeros(total, dtype=np.int64)
        where[maker[position]] = position
        ordered.append(group[np.argsort(where[group])])
        layer_of[group] = number
        place_of[ordered[-1]] = np.arange(len(group))
    slots: list[list[Slot]] = [[] for _ in members]
    for ((tensor, dim), binding), held in zip(bindings, units, strict=True):
        owners = layer_of[held]
        by_unit = np.lexsort((place_of[held], owners))
        by_unit = by_unit[np.searchsorted(owners[by_unit], 0) :]
        for positions in np.split(by_unit, np.flatnonzero(np.diff(owners[by_unit])) + 1):
            if len(positions):
                number = owners[positions[0]]
                index = torch.from_numpy(positions.reshape(len(ordered[number]), -1))
                slots[number].append(Slot(tensor, dim, index, binding.role))
    return list(zip(ordered, slots, strict=True))
