"""Parameters and MACs of a backbone as functions of how many units each layer keeps, from one traced forward.

Counted: convolutions (with their groups and strides), linear layers, the two products of attention. Not counted:
normalisation, activation, pooling, addition.
"""

from dataclasses import dataclass

import torch
from torch import nn

from maskbank.models.units import Layer, find_layers


@dataclass(frozen=True)
class Side:
    """Features on one side of a module: `per_unit` for each unit kept of `layer`, or `fixed` ones."""

    fixed: int = 0
    layer: str | None = None
    per_unit: int = 0

    def width(self, counts: dict[str, int]) -> int:
        return self.fixed if self.layer is None else self.per_unit * counts[self.layer]


@dataclass(frozen=True)
class Term:
    """A module of `inner * outer * weights` weights used at `positions` places, and `per_output` more an output."""

    name: str
    inner: Side
    outer: Side
    weights: int
    positions: int
    per_output: int
    products: int = 0  # MACs an inner feature without weights (attention)


@dataclass(frozen=True)
class Cost:
    layers: tuple[Layer, ...]
    terms: tuple[Term, ...]
    other_params: int

    @property
    def dense(self) -> dict[str, int]:
        return {layer.name: layer.count for layer in self.layers}

    def macs(self, counts: dict[str, int]) -> int:
        """Multiply-accumulates of one example."""
        return sum(self._products(term, counts) * term.positions + self._free(term, counts) for term in self.terms)

    def sparse_macs(self, density: dict[str, float]) -> float:
        """Theoretical MACs of one example when each named weight has this density; the others are dense."""
        return self.macs(self.dense) - sum(
            (1 - density[f"{term.name}.weight"]) * self._products(term, self.dense) * term.positions
            for term in self.terms
            if f"{term.name}.weight" in density
        )

    def params(self, counts: dict[str, int]) -> int:
        biases = sum(term.per_output * term.outer.width(counts) for term in self.terms)
        return sum(self._products(term, counts) for term in self.terms) + biases + self.other_params

    @staticmethod
    def _products(term: Term, counts: dict[str, int]) -> int:
        return term.inner.width(counts) * term.outer.width(counts) * term.weights

    @staticmethod
    def _free(term: Term, counts: dict[str, int]) -> int:
        return term.products * term.inner.width(counts)

    def unit_macs(self) -> dict[str, int]:
        """MACs that removing one unit of each layer from the dense net saves."""
        dense, total = self.dense, self.macs(self.dense)
        return {name: total - self.macs(dense | {name: count - 1}) for name, count in dense.items()}


@torch.no_grad()
def trace_cost(model: nn.Module, image: tuple[int, int]) -> Cost:
    """Trace one forward of an image of (channels, pixels a side)."""
    layers = find_layers(model)
    made_by = {name: layer for layer in layers for name in layer.producers}
    read_by = {layer.consumer: layer for layer in layers}
    terms: list[Term] = []
    counted: set[int] = set()

    def side(layer: Layer | None, features: int) -> Side:
        return Side(features) if layer is None else Side(layer=layer.name, per_unit=features // layer.count)

    def count(name: str, module: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
        maker, reader = made_by.get(name), read_by.get(name)
        if isinstance(module, nn.Conv2d):
            weights, positions = module.kernel_size[0] * module.kernel_size[1], y.shape[2] * y.shape[3]
            inner, outer = module.in_channels // module.groups, module.out_channels
        elif isinstance(module, nn.Linear):
            weights, positions = 1, y[0].numel() // y.shape[-1]
            inner, outer = module.in_features, module.out_features
        elif isinstance(module, nn.BatchNorm2d):
            terms.append(Term(name, Side(0), side(maker, module.num_features), 0, 0, 2 * module.affine))
            counted.update(id(parameter) for parameter in module.parameters())
            return
        else:
            return
        products = 2 * x.shape[-2] ** 2 if reader is not None and reader.kind == "head" else 0
        per_output = 0 if module.bias is None else 1
        terms.append(Term(name, side(reader, inner), side(maker, outer), weights, positions, per_output, products))
        counted.update(id(parameter) for parameter in module.parameters())

    handles = [
        module.register_forward_hook(lambda module, inputs, output, name=name: count(name, module, inputs[0], output))
        for name, module in model.named_modules()
    ]
    training = model.training
    model.eval()
    parameter = next(model.parameters())
    model(torch.zeros(1, image[0], image[1], image[1], dtype=parameter.dtype))
    model.train(training)
    for handle in handles:
        handle.remove()
    other = sum(parameter.numel() for parameter in model.parameters() if id(parameter) not in counted)
    return Cost(tuple(layers), tuple(terms), other)


def tensor_bytes(model: nn.Module) -> int:
    """Bytes of the model's state as stored: weights and buffers."""
    return sum(value.numel() * value.element_size() for value in model.state_dict().values())
