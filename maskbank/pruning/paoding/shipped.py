"""PAODING's sampling of dense nodes as its public tool does it (paoding-dl, impact mode, bias aware, recursive).

Kept with its faults, as a baseline. Read in the published code, written again:

- a pair is priced as though its first node went (its outgoing weights, in the saliency and in the impact) and then the
  second goes;
- the ratio of biases is undefined for two zero biases (such pairs come last, in order of index) and unbounded for
  opposite ones;
- the cheapest pair of a layer's first round is skipped;
- nodes of the first dense layer are taken to lie in the *input's* interval, whatever their weights are, and those of
  later layers in (0, largest sum), which is empty where the sum is negative;
- the interval of a *change* is sent through biases and activations as though it were an activation, so that it bounds
  nothing; anything but relu is taken for a sigmoid;
- both sigmoids saturate, and ties go by the saliency; what was spent in earlier rounds does not count.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from maskbank.pruning.paoding.pairs import Dense

STEP = 0.025
POOL = 2  # candidates for each node that goes
WEIGHTS = (0.75, 0.25)  # of the width and of the entropy of the output's intervals
ALIKE = 0.9
Pair = tuple[int, int]


def removed_of(ratio: float, widths: Sequence[int], step: float = STEP) -> list[int]:
    """Nodes that a nominal ratio removes from layers of these widths: `ceil(step n)` a round, rounds until the steps,
    added up in floating point, reach the ratio. 0.25 of 64 is 22 (34.4 %), 0.5 is 40 (62.5 %)."""
    rounds, reached = 0, 0.0
    while reached < ratio:
        reached += step
        rounds += 1
    return [min(rounds * math.ceil(step * width), width - 1) for width in widths]


def unlikeness(layer: Dense) -> Tensor:
    """[n, n] ||W1_i - W1_j|| + |(b_i - b_j) / (b_i + b_j)|; NaN where both biases are 0."""
    ratio = ((layer.bias[:, None] - layer.bias[None]) / (layer.bias[:, None] + layer.bias[None])).abs()
    return torch.cdist(layer.weight, layer.weight, compute_mode="donot_use_mm_for_euclid_dist") + ratio


def saliency(layer: Dense, outgoing: Tensor) -> Tensor:
    """[n, n] S[i, j] = (||W1_i - W1_j|| + |(b_i - b_j) / (b_i + b_j)|) ||W2[:, j]||."""
    return unlikeness(layer) * outgoing.norm(dim=0)


def candidates(values: Tensor, alive: Tensor, most: int, first: bool) -> list[Pair]:
    """(a, b), no node in two of them: ascending S[b, a], at most `most`. The tool skips its very first pair."""
    nodes = alive.nonzero().flatten()
    a_by_a = values[nodes][:, nodes].T.flatten()  # as the tool lists them
    others = (~torch.eye(len(nodes), dtype=torch.bool)).flatten().nonzero().flatten()
    listed = a_by_a[others]
    wanted = 32 * most  # the smallest are enough in nearly all cases
    while True:
        chosen = others
        if wanted < len(listed):
            limit = listed.kthvalue(wanted).values
            chosen = others if limit.isnan() else others[listed <= limit]
        order = chosen[torch.sort(a_by_a[chosen], stable=True).indices][int(first) :]
        pairs = disjoint(
            zip(nodes[order // len(nodes)].tolist(), nodes[order % len(nodes)].tolist(), strict=True), most
        )
        if len(pairs) == most or len(chosen) == len(others):
            return pairs
        wanted *= 16


def disjoint(pairs: Iterable[Pair], most: int) -> list[Pair]:
    """The first pairs that share no node."""
    found: list[Pair] = []
    used: set[int] = set()
    for a, b in pairs:
        if a not in used and b not in used and len(found) < most:
            found.append((a, b))
            used |= {a, b}
    return found


def node_intervals(stack: Sequence[Dense], place: int, interval: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """([n], [n]) ends of the interval that the tool gives the nodes of a layer."""
    low, high = (torch.full((len(stack[0].weight),), end, dtype=torch.float64) for end in interval)
    for layer in stack[1 : place + 1]:
        ends = through(low, high, layer.weight, layer.bias)
        low, high = (torch.zeros_like(ends[1]), ends[1]) if layer.activation == "relu" else map(torch.sigmoid, ends)
    return low, high


def through(low: Tensor, high: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Ends [..., n] of intervals sent through a linear layer, bias and all."""
    plus, minus = weight.clamp_min(0).T, weight.clamp_max(0).T
    return low @ plus + high @ minus + bias, high @ plus + low @ minus + bias


def impact(stack: Sequence[Dense], place: int, pairs: Sequence[Pair], interval: tuple[float, float]) -> Tensor:
    """[pairs] 0.75 sigmoid(sum of the output intervals' widths) + 0.25 sigmoid(their entropy), of removing a for b."""
    low, high = node_intervals(stack, place, interval)
    a, b = torch.tensor(pairs).T
    outgoing = stack[place + 1].weight[:, a].T  # [pairs, m]: priced by a's weights
    ends = outgoing * (low[a] - high[b])[:, None], outgoing * (high[a] - low[b])[:, None]
    low, high = torch.minimum(*ends), torch.maximum(*ends)
    for before, layer in zip(stack[place + 1 :], stack[place + 2 :], strict=False):
        low, high = through(low, high, layer.weight, layer.bias)
        if layer is not stack[-1]:
            squash = torch.relu if before.activation == "relu" else torch.sigmoid
            low, high = squash(low), squash(high)
    width = (high - low).abs().sum(1)
    return WEIGHTS[0] * width.sigmoid() + WEIGHTS[1] * entropy(low, high).sigmoid()


def entropy(low: Tensor, high: Tensor) -> Tensor:
    """[pairs] of intervals [pairs, outputs]: -sum p log p, p the share of intervals at least 0.9 like one (Dai et al. 2016)."""
    span = high.amax(1).clamp_min(0) - low.amin(1).clamp_max(0)
    span = torch.where(span == 0, torch.full_like(span, 0.001), span)
    found = []
    for ends in zip(low, high, span, strict=True):
        apart = (ends[0][:, None] - ends[0]).abs() + (ends[1][:, None] - ends[1]).abs()
        share = (1 - 0.5 * apart / ends[2] >= ALIKE).double().mean(1)
        found.append(-(share * share.log()).sum())
    return torch.stack(found) if found else low.new_zeros(0)


def removals(stack: Sequence[Dense], hidden: int, interval: tuple[float, float] = (0.0, 1.0)) -> list[list[Pair]]:
    """For each of the first `hidden` layers, (removed, kept) in order, until one node a layer is left.

    Rounds go over the layers; a round takes `ceil(0.025 n)` of a layer's nodes out of twice as many candidates.
    """
    stack = list(stack)
    gone: list[list[Pair]] = [[] for _ in range(hidden)]
    known: list[Any] = [
        None
    ] * hidden  # (layer, unlikeness): taken again where an earlier layer's merges changed the layer
    alive = [torch.ones(len(layer.weight), dtype=torch.bool) for layer in stack[:hidden]]
    while any(int(each.sum()) > 1 for each in alive):
        for place in range(hidden):
            take = min(math.ceil(STEP * len(alive[place])), int(alive[place].sum()) - 1)
            if take < 1:
                continue
            layer, after = stack[place], stack[place + 1]
            if known[place] is None or known[place][0] is not layer:
                known[place] = (layer, unlikeness(layer))
            values = known[place][1] * after.weight.norm(dim=0)
            pairs = candidates(values, alive[place], POOL * take, first=not gone[place])
            score = impact(stack, place, pairs, interval)
            chosen = [pairs[index] for index in torch.sort(score, stable=True).indices[:take].tolist()]
            weight = after.weight.clone()
            for a, b in chosen:
                weight[:, a] += weight[:, b]  # priced as though a went; b goes
                weight[:, b] = 0
                alive[place][b] = False
            gone[place] += [(b, a) for a, b in chosen]
            stack[place + 1] = Dense(weight, after.bias, after.activation)
    return gone
