"""Stacks: the dense layers around a layer of nodes, read from a model, with norms folded in and the box of their input."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from maskbank.models.units import Layer
from maskbank.pruning.paoding.boxes import Box, box_before
from maskbank.pruning.paoding.pairs import Dense
from maskbank.pruning.recording import PASSING, Recording


@dataclass(frozen=True)
class Stack:
    """Dense layers from the one that makes the nodes to the outputs at which a change is judged.

    names: the weight of each dense layer (nothing for several readers side by side). certain: the box holds for all
    images in the input's box, and the outputs are the model's own; else the outputs are those of whatever reads the
    nodes, or the box is our reading (see `boxes.box_before`).
    """

    layers: list[Dense]
    names: list[str]
    box: Box
    certain: bool


def find_stack(layer: Layer, seen: Recording, radius: float) -> Stack | None:
    """None where the nodes are not made by one linear layer and read, past norm and activation, by linear layers."""
    made = [slot for slot in layer.made if slot.tensor.endswith("weight")]
    makers = [place for slot in made for place in seen.using(slot.tensor)]
    readers = [place for slot in layer.read for place in seen.using(slot.tensor)]
    if layer.kind != "node" or len(makers) != 1 or len(readers) != len(layer.read):
        return None
    if any(seen.operations[place].name != "linear" for place in makers + readers) or any(
        slot.width > 1 for slot in layer.read
    ):
        return None
    paths = [seen.path(place, {made[0].tensor}) for place in readers]
    firsts = [None if path is None else fold(seen, path) for path in paths]
    if firsts[0] is None or any(other is None or not alike(firsts[0], other) for other in firsts):
        return None
    columns = [slot.index[:, 0] for slot in layer.read]
    chain, names, whole = follow(seen, readers[0]) if len(readers) == 1 else (None, [""], False)
    if chain is None:
        weights = [seen.operations[place].weight for place in readers]
        stacked = torch.cat([weight[:, index] for weight, index in zip(weights, columns, strict=True)])
        chain = [Dense(stacked, stacked.new_zeros(len(stacked)))]
    else:
        chain[0] = Dense(chain[0].weight[:, columns[0]], chain[0].bias, chain[0].activation)
    rows = made[0].index[:, 0]
    first = Dense(firsts[0].weight[rows], firsts[0].bias[rows], firsts[0].activation)
    box, certain = box_before(seen, makers[0], radius)
    low, high = (side.reshape(-1, side.shape[-1]) for side in (box.low, box.high))  # one row a token
    hull = Box.between(low.amin(0), high.amax(0))
    return Stack([first, *chain], [made[0].tensor, *names], hull, certain and whole)


def alike(a: Dense, b: Dense) -> bool:
    return a.activation == b.activation and torch.equal(a.weight, b.weight) and torch.equal(a.bias, b.bias)


def fold(seen: Recording, path: Sequence[int]) -> Dense | None:
    """The linear operation at the start of a path with the norm and activation that follow; None where there is more."""
    start = seen.operations[path[0]]
    weight, bias = start.weight, start.values("bias")
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    activation = "none"
    for place in path[1:]:
        operation = seen.operations[place]
        if operation.norm and activation == "none":
            scale, shift = operation.affine()
            weight, bias = weight * scale[:, None], bias * scale + shift
        elif operation.activation and activation == "none":
            activation = operation.name
        elif operation.name not in PASSING:
            return None
    return Dense(weight, bias, activation)


def follow(seen: Recording, node: int) -> tuple[list[Dense], list[str], bool]:
    """The chain of dense layers from a linear node of the graph on, their weights, and whether it reaches the output.

    It ends before a branch (several consumers), a join (a consumer with several sources) and what `fold` does not know.
    """
    chain: list[Dense] = []
    names: list[str] = []
    segment = [node]  # from a linear node to what lies before the next one
    while True:
        dense, consumers = fold(seen, segment), seen.consumers(segment[-1])
        consumer = seen.operations[consumers[0]] if len(consumers) == 1 else None
        name = seen.tensor(seen.operations[segment[0]])
        if dense is None or consumer is None:
            reaches_output = dense is not None and not consumers
            break
        linear, join = consumer.name == "linear", len(consumer.sources) != 1
        if linear and consumer.x.shape[-1] == len(dense.weight):
            chain, names, segment = [*chain, dense], [*names, name], [consumers[0]]
        elif not linear and not join:
            segment.append(consumers[0])
        else:
            reaches_output = False
            break
    last = dense if reaches_output else fold(seen, segment[:1])
    assert last is not None  # a linear node by itself
    return [*chain, last], [*names, name], reaches_output


def find_chain(layer: Layer, seen: Recording) -> tuple[list[Dense], list[str], int] | None:
    """The whole chain of dense layers that a layer of nodes lies in, their weights, and its place in it; else None."""
    made = [slot for slot in layer.made if slot.tensor.endswith("weight")]
    makers = [place for slot in made for place in seen.using(slot.tensor)]
    if layer.kind != "node" or len(makers) != 1 or seen.operations[makers[0]].name != "linear" or len(layer.read) != 1:
        return None
    linear = {seen.tensor(operation) for operation in seen.operations if operation.name == "linear"}
    start = makers[0]
    while (before := seen.path(start, linear)) is not None:
        names = follow(seen, before[0])[1]
        if len(names) < 2 or names[1] != seen.tensor(seen.operations[start]):
            break
        start = before[0]
    chain, names, _ = follow(seen, start)
    place = names.index(made[0].tensor)
    whole = place + 1 < len(chain) and names[place + 1] == layer.read[0].tensor
    same = torch.equal(made[0].index, layer.read[0].index) and layer.count == len(chain[place].weight)
    return (chain, names, place) if whole and same else None
