"""Sizes of a model as functions of how many units each layer keeps: parameters, MACs, bytes, peak activation memory.

MACs count convolutions, linear layers and the two products of attention, of one example; not normalisation,
activation, pooling, addition. All of it comes from one trace on shapes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import nn

from maskbank.models.graph import Graph, UnitSet, read_graph
from maskbank.models.trace import Trace
from maskbank.models.units import Layer

Counts = Mapping[str, int]
FLOAT = 4  # bytes of an activation in float32


@dataclass(frozen=True)
class Sides:
    """Tensors whose size depends on the units kept: `fixed + per_unit @ counts` features on each of two sides.

    `fixed` [T, 2], `per_unit` [T, 2, L], and `inner` [T] elements for each pair of features.
    """

    fixed: NDArray[np.float64]
    per_unit: NDArray[np.float64]
    inner: NDArray[np.float64]

    def sizes(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Elements of each tensor: [K, L] -> [K, T]."""
        widths = self.fixed + np.einsum("kl,tsl->kts", counts, self.per_unit, optimize=True)
        return widths.prod(2) * self.inner


@dataclass(frozen=True, eq=False)
class Cost:
    """Sizes of one model. `counts` are units kept by layer name; the array forms take [K, L] in the order of `layers`."""

    layers: tuple[Layer, ...]
    shapes: Mapping[str, tuple[int, ...]]  # tensors of the state
    tensors: Sides
    trained: NDArray[np.bool_]  # which of them are parameters
    item_bytes: NDArray[np.float64]
    positions: NDArray[np.float64]  # places where each is multiplied
    attention: NDArray[np.float64]  # [L] MACs a head
    attention_fixed: float
    activations: NDArray[np.float64]  # [A, L] elements a unit
    activations_fixed: NDArray[np.float64]
    alive: NDArray[np.bool_]  # [moments, A]

    @cached_property
    def dense(self) -> dict[str, int]:
        return {layer.name: layer.count for layer in self.layers}

    def row(self, counts: Counts) -> NDArray[np.float64]:
        return np.array([[counts[layer.name] for layer in self.layers]], dtype=float)

    def macs_of(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.tensors.sizes(counts) @ self.positions + counts @ self.attention + self.attention_fixed

    def params_of(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.tensors.sizes(counts) @ self.trained

    def bytes_of(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.tensors.sizes(counts) @ self.item_bytes

    def peak_of(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        sizes = counts @ self.activations.T + self.activations_fixed
        return FLOAT * (sizes @ self.alive.T).max(1)

    def macs(self, counts: Counts) -> int:
        """Multiply-accumulates of one example."""
        return round(float(self.macs_of(self.row(counts))[0]))

    def params(self, counts: Counts) -> int:
        return round(float(self.params_of(self.row(counts))[0]))

    def bytes(self, counts: Counts) -> int:
        """Bytes of the state as stored: weights and buffers."""
        return round(float(self.bytes_of(self.row(counts))[0]))

    def peak(self, counts: Counts) -> int:
        """Most bytes of float32 activations alive at once in a forward of one example; in-place work shares memory."""
        return round(float(self.peak_of(self.row(counts))[0]))

    def unit_macs(self) -> dict[str, int]:
        """MACs that removing one unit of each layer from the dense model saves."""
        dense = self.row(self.dense)
        saved = self.macs_of(dense) - self.macs_of(dense - np.eye(len(self.layers)))
        return {layer.name: round(float(value)) for layer, value in zip(self.layers, saved, strict=True)}


def trace_cost(model: nn.Module, image: tuple[int, ...], units: UnitSet = "internal") -> Cost:
    """Cost for an input of (channels, pixels a side)."""
    return cost_of(model, read_graph(model, image, units))


def cost_of(model: nn.Module, graph: Graph) -> Cost:
    """Cost of a model whose layers are known, from another graph than our own perhaps."""
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    persistent = set(model.state_dict())
    shapes = {name: tuple(value.shape) for name, value in state.items() if name in persistent}
    attention, attention_fixed = attention_terms(graph)
    activations, activations_fixed, alive = activation_terms(graph)
    return Cost(
        layers=tuple(graph.layers),
        shapes=shapes,
        tensors=tensor_sides(graph, shapes),
        trained=np.array([isinstance(state[name], nn.Parameter) for name in shapes]),
        item_bytes=np.array([state[name].element_size() for name in shapes], dtype=float),
        positions=np.array([graph.trace.positions.get(name, 0) for name in shapes], dtype=float),
        attention=attention,
        attention_fixed=attention_fixed,
        activations=activations,
        activations_fixed=activations_fixed,
        alive=alive,
    )


def tensor_sides(graph: Graph, shapes: dict[str, tuple[int, ...]]) -> Sides:
    fixed = np.ones((len(shapes), 2))
    per_unit = np.zeros((len(shapes), 2, len(graph.layers)))
    inner = np.array([float(np.prod(shape)) for shape in shapes.values()])
    place = {name: number for number, name in enumerate(shapes)}
    sides: dict[str, list[int]] = {name: [] for name in shapes}
    for number, layer in enumerate(graph.layers):
        for slot in layer.slots:
            row, dims = place[slot.tensor], sides[slot.tensor]
            if slot.dim not in dims:
                dims.append(slot.dim)
                fixed[row, len(dims) - 1] = shapes[slot.tensor][slot.dim]
                inner[row] /= shapes[slot.tensor][slot.dim]
            side = dims.index(slot.dim)
            per_unit[row, side, number] = slot.width
            fixed[row, side] -= slot.width * layer.count
    return Sides(fixed, per_unit, inner)


def attention_terms(graph: Graph) -> tuple[NDArray[np.float64], float]:
    per_unit, fixed = np.zeros(len(graph.layers)), 0.0
    for ids, each in graph.trace.products:
        owners = graph.owner[ids.numpy()]
        np.add.at(per_unit, owners[owners >= 0], each)
        fixed += each * int((owners < 0).sum())
    counts = np.array([layer.count for layer in graph.layers], dtype=float)
    return per_unit / counts, fixed


def activation_terms(graph: Graph) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    seen: Trace = graph.trace
    per_unit = np.zeros((len(seen.activations), len(graph.layers)))
    fixed = np.zeros(len(seen.activations))
    for row, activation in enumerate(seen.activations):
        owners = graph.owner[activation.ids.numpy()]
        held = np.bincount(owners[owners >= 0], minlength=len(graph.layers))
        per_unit[row] = activation.each * held / [layer.count for layer in graph.layers]
        fixed[row] = activation.each * int((owners < 0).sum())
    born = np.array([activation.born for activation in seen.activations])
    died = np.array([activation.died for activation in seen.activations])
    moments = np.unique(born)[:, None]
    return per_unit, fixed, (born <= moments) & (moments <= died)


def tensor_bytes(model: nn.Module) -> int:
    """Bytes of the model's state as stored: weights and buffers."""
    return sum(value.numel() * value.element_size() for value in model.state_dict().values())


def parameter_count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
