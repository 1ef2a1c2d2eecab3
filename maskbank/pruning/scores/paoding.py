"""PAODING (Meng et al., arXiv 2405.00074), corrected: dense nodes leave by a sound bound on the change of the logits.

Needs no data: only the size of the images is looked at. Dense layers: the rank at which a node leaves (0 first), see
`pruning.paoding.pairs`; the box of the images is `radius` around 0 in every pixel. Convolutions and heads: mean |w|, as in the
paper; so are nodes that are not made and read by plain dense layers (gated or residual ones). Our reading: outside of
plain chains a change is judged at what reads the nodes, and boxes are those of the LayerNorm before (beta, 3 |gamma|).
"""

from torch import Tensor, nn

from maskbank.models.units import Layer, unit_weights
from maskbank.pruning.approximation import Approximation
from maskbank.pruning.paoding.pairs import greedy, nearest, ranks
from maskbank.pruning.paoding.stacks import find_stack
from maskbank.pruning.recording import Recording, record
from maskbank.pruning.sample import Sample, Scores

ROLE = "method"


def score(
    model: nn.Module,
    layers: list[Layer],
    sample: Sample,
    *,
    radius: float = 3.0,
    partners: bool = True,
    worst: bool = False,
) -> Scores:
    """`partners` False: nodes are priced as dropped, for `reconstruct: none`. `worst`: the largest change of an output
    decides, not the sum of all."""
    seen = record(model, sample.x.shape[1:])
    scores = {}
    for layer in layers:
        stack = find_stack(layer, seen, radius)
        if stack is None:
            scores[layer.name] = unit_weights(model, layer).abs().mean(1)
        else:
            order = greedy(stack.layers, stack.box, partners, worst).order
            scores[layer.name] = ranks(order, layer.count)
    return scores


def merge(
    model: nn.Module,
    layer: Layer,
    kept: Tensor,
    seen: Recording,
    *,
    radius: float = 3.0,
    partners: bool = True,
    worst: bool = False,
) -> Approximation | None:
    """Each removed node by the kept one that it can differ least from, or by nothing where that is closer.

    Options as for `score`; `worst` changes nothing here. None where nodes are not of plain dense layers.
    """
    stack = find_stack(layer, seen, radius)
    if stack is None or not partners:
        return None
    return Approximation.partners(nearest(stack.layers[0], stack.box, kept), kept)
