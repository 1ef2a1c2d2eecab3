"""PAODING as its public tool does it (paoding-dl, impact mode), faults and all: see `pruning.paoding.shipped`.

Needs no data. Dense layers: the rank at which a node leaves (0 first); convolutions and heads: mean |w|, and so are
nodes that are not made and read by plain dense layers. The tool can rebuild neither models with BatchNorm or residuals
nor models of one convolution; here surgery is the suite's own, so that it can be compared on all of them. Ratios are
exact here; how many nodes the tool removes for a nominal one is `pruning.paoding.shipped.removed_of`.
"""

from torch import Tensor, nn

from maskbank.models.units import Layer, unit_weights
from maskbank.pruning.approximation import Approximation
from maskbank.pruning.paoding.pairs import ranks, resolve
from maskbank.pruning.paoding.shipped import Pair, removals
from maskbank.pruning.paoding.stacks import find_chain
from maskbank.pruning.recording import Recording, record
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def score(model: nn.Module, layers: list[Layer], sample: Sample, *, low: float = 0.0, high: float = 1.0) -> Scores:
    """`low`, `high`: the interval of the inputs, as the tool is told it."""
    seen = record(model, sample.x.shape[1:])
    known: dict[str, list[Pair]] = {}
    scores = {}
    for layer in layers:
        pairs = sampled(layer, seen, (low, high), known)
        if pairs is None:
            scores[layer.name] = unit_weights(model, layer).abs().mean(1)
        else:
            scores[layer.name] = ranks([removed for removed, _ in pairs], layer.count)
    return scores


def sampled(
    layer: Layer, seen: Recording, interval: tuple[float, float], known: dict[str, list[Pair]]
) -> list[Pair] | None:
    """(removed, kept) units of a layer in order; None where it is no plain dense layer. `known` holds whole chains."""
    found = find_chain(layer, seen)
    if found is None:
        return None
    chain, names, place = found
    if names[place] not in known:
        known |= dict(zip(names, removals(chain, len(chain) - 1, interval), strict=False))
    unit_of = {row: unit for unit, row in enumerate(layer.made[0].index[:, 0].tolist())}
    return [(unit_of[removed], unit_of[kept]) for removed, kept in known[names[place]]]


def merge(
    model: nn.Module, layer: Layer, kept: Tensor, seen: Recording, *, low: float = 0.0, high: float = 1.0
) -> Approximation | None:
    """What a node gave is added to the one that it was paired with, or to who took that one in."""
    pairs = sampled(layer, seen, (low, high), {})
    if pairs is None:
        return None
    return Approximation.partners(resolve(pairs, kept), kept)
