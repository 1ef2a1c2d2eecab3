"""Pairs: what it costs to let one dense node stand in for another, in which order nodes go, and how far logits can move.

The corrected core of PAODING (Meng et al., arXiv 2405.00074), for stacks of dense layers and no data. Removing node j
and giving its outgoing weights to node i changes what the next layer sees by `W2[:, j] (h_i - h_j)`; dropping it, by
`-W2[:, j] h_j`. Both are bounded over a box of inputs, and carried to the logits by absolute weights.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maskbank.pruning.paoding.boxes import SLOPE, Box, activate
from maskbank.pruning.recording import ACTIVATIONS

DROP = -1  # in the place of a partner: the node goes and nothing stands in for it


@dataclass(frozen=True)
class Dense:
    """`activation(weight x + bias)`: weight [n, fan], bias [n], float64."""

    weight: Tensor
    bias: Tensor
    activation: str = "none"

    @property
    def slope(self) -> float:
        return SLOPE.get(self.activation, 1.0)

    def sums(self, box: Box) -> Box:
        """The box of what goes into the activation, [n]."""
        return Box(self.weight @ box.centre + self.bias, self.weight.abs() @ box.radius)

    def after(self, box: Box) -> Box:
        return activate(self.activation, self.sums(box))


@dataclass(frozen=True)
class Plan:
    """Nodes in the order they go, all but one: `order` [n-1], `into` [n-1] (partner at that time, or DROP) and the
    `bound` [n-1, outputs] on the change so far."""

    order: list[int]
    into: list[int]
    bound: Tensor

    @property
    def steps(self) -> list[tuple[int, int]]:
        return list(zip(self.order, self.into, strict=True))


def boxes(stack: Sequence[Dense], box: Box) -> list[Box]:
    """The box of each layer's input."""
    found = [box]
    for layer in stack[:-1]:
        found.append(layer.after(found[-1]))
    return found


def distances(layer: Dense, box: Box) -> Tensor:
    """[n, n] dmax[i, j]: the most that h_i and h_j can differ by. |dW c + db| + |dW| r, times the activation's slope."""
    sums = layer.weight @ box.centre + layer.bias
    scaled = layer.weight * box.radius
    return layer.slope * ((sums[:, None] - sums[None]).abs() + torch.cdist(scaled, scaled, p=1))


def reach(layer: Dense, box: Box) -> Tensor:
    """[n] the largest |h_j|."""
    after = layer.after(box)
    return torch.maximum(after.low.abs(), after.high.abs())


def gains(stack: Sequence[Dense]) -> Tensor:
    """[outputs, m] how much a change of each node that the *second* layer makes can move each output of the stack."""
    gain = torch.eye(len(stack[-1].weight), dtype=stack[-1].weight.dtype)
    for layer, after in zip(reversed(stack[1:-1]), reversed(stack[2:]), strict=True):
        gain = gain @ after.weight.abs() * layer.slope
    return gain


def importances(stack: Sequence[Dense], box: Box) -> tuple[Tensor, Tensor]:
    """For the first layer: imp [n, n] = dmax[i, j] g[j] of removing j for i, and imp0 [n] = max|h_j| g[j] of dropping j.

    g[j] adds up `|W_L| ... |W_{l+2}| |W2[:, j]|` over the outputs.
    """
    g = (gains(stack) @ stack[1].weight.abs()).sum(0)
    return distances(stack[0], box) * g, reach(stack[0], box) * g


def greedy(stack: Sequence[Dense], box: Box, partners: bool = True, worst: bool = False) -> Plan:
    """Remove nodes of the first layer one by one, the cheapest step first, until one is left.

    A step costs what it adds to the bound of the outputs: their sum, or (`worst`) the largest total of any output with
    what was spent before. A node that takes in another has new outgoing weights, and its costs are taken again.
    `partners` False: nodes are only dropped. Ties go to the lower index. Our reading of a cumulative budget.
    """
    gain, outgoing = gains(stack), stack[1].weight.clone()
    each = gain @ outgoing.abs()  # [outputs, n]
    together = each.sum(0)
    count = outgoing.shape[1]
    apart, alone = distances(stack[0], box).fill_diagonal_(torch.inf), reach(stack[0], box)
    if not partners:
        apart = torch.full_like(apart, torch.inf)
    ranked = apart.argsort(dim=0, stable=True)  # of each node, the others by distance
    place, who = torch.zeros(count, dtype=torch.int64), ranked[0].clone()
    near = apart.amin(0)
    dead = torch.zeros(count, dtype=torch.bool)
    spent = torch.zeros(len(gain), dtype=gain.dtype)
    order, into, bound = [], [], []
    for _ in range(count - 1):
        price = torch.minimum(near, alone)
        cost = (spent[:, None] + each * price).amax(0) if worst else together * price
        j = int(np.argmin(cost.masked_fill(dead, torch.inf).numpy()))
        i = int(who[j]) if near[j] < alone[j] else DROP
        order.append(j)
        into.append(i)
        spent = spent + each[:, j] * price[j]
        bound.append(spent)
        dead[j] = True
        lost = torch.nonzero((who == j) & ~dead).flatten()
        while len(lost):  # on to the next one that is still there
            place[lost] += 1
            who[lost] = ranked[place[lost], lost]
            near[lost] = apart[who[lost], lost]
            lost = lost[dead[who[lost]]]
        if i != DROP:
            outgoing[:, i] += outgoing[:, j]
            each[:, i] = gain @ outgoing[:, i].abs()
            together[i] = each[:, i].sum()
    return Plan(order, into, torch.stack(bound) if bound else torch.zeros(0, len(gain), dtype=gain.dtype))


def ranks(order: Sequence[int], count: int) -> Tensor:
    """[count] the place of each node in the order in which they go; those that never go come last."""
    found = torch.full((count,), float(count - 1))
    found[list(order)] = torch.arange(len(order), dtype=found.dtype)
    return found


def resolve(steps: Iterable[tuple[int, int]], kept: Tensor) -> dict[int, int]:
    """For each node not kept, the kept one that holds its outgoing weights in the end, or DROP; steps (node, into)."""
    partner, stays = dict(steps), set(kept.tolist())
    found = {}
    for start in partner:
        node = start
        while node not in stays and node != DROP:
            node = partner.get(node, DROP)
        if start not in stays:
            found[start] = node
    return found


def nearest(layer: Dense, box: Box, kept: Tensor) -> dict[int, int]:
    """For each node not kept, the kept one that it can differ least from, or DROP where it is smaller than that.

    No other choice has a lower `bound` for one pruned layer, since its terms are apart.
    """
    gone = torch.ones(len(layer.weight), dtype=torch.bool).index_fill(0, kept, False).nonzero().flatten()
    near, place = distances(layer, box)[kept][:, gone].min(0)
    partner = torch.where(near < reach(layer, box)[gone], kept[place], torch.full_like(gone, DROP))
    return dict(zip(gone.tolist(), partner.tolist(), strict=True))


def merged(weight: Tensor, partner: Mapping[int, int]) -> Tensor:
    """[m, kept] outgoing weights [m, n] after each removed node's went to its partner."""
    weight, total = weight.clone(), weight.clone()
    for j, i in partner.items():
        if i != DROP:
            total[:, i] += weight[:, j]
    return total[:, [node for node in range(weight.shape[1]) if node not in partner]]


def bound(stack: Sequence[Dense], box: Box, partners: Mapping[int, Mapping[int, int]]) -> Tensor:
    """[outputs] what no output can change by more than, for any input in the box: `{layer: {removed: partner or DROP}}`.

    Sound for several layers at once: the last one is pruned first, so that its box is that of the full model, and a change
    made by an earlier one is carried on by the weights as merged. Raises ValueError where a partner is removed too.
    """
    inputs = boxes(stack, box)
    total = torch.zeros(len(stack[-1].weight), dtype=stack[-1].weight.dtype)
    gain = torch.eye(len(total), dtype=total.dtype)  # from what the layer after makes, before its activation
    for place in range(len(stack) - 2, -1, -1):
        layer, partner = stack[place], partners.get(place, {})
        if any(i in partner for i in partner.values()):
            raise ValueError(
                f"layer {place}: a partner is removed itself; give the node that holds its weights in the end"
            )
        gone = partners.get(place + 1, {})
        outgoing = stack[place + 1].weight[[node for node in range(len(stack[place + 1].weight)) if node not in gone]]
        if partner:
            apart, alone = distances(layer, inputs[place]), reach(layer, inputs[place])
            change = torch.stack([alone[j] if i == DROP else apart[i, j] for j, i in partner.items()])
            total = total + gain @ (outgoing[:, list(partner)].abs() @ change)
        gain = gain @ merged(outgoing, partner).abs() * layer.slope
    return total


def prune(stack: Sequence[Dense], partners: Mapping[int, Mapping[int, int]]) -> list[Dense]:
    """The stack without the removed nodes, their outgoing weights merged."""
    small = []
    for place, layer in enumerate(stack):
        gone, before = partners.get(place, {}), partners.get(place - 1, {})
        rows = [node for node in range(len(layer.weight)) if node not in gone]
        small.append(Dense(merged(layer.weight, before)[rows], layer.bias[rows], layer.activation))
    return small


def outputs(stack: Sequence[Dense], x: Tensor) -> Tensor:
    """[B, outputs] of inputs [B, fan]."""
    for layer in stack:
        x = ACTIVATIONS[layer.activation](x @ layer.weight.T + layer.bias)
    return x
