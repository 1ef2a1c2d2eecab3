"""GraSP: what a weight adds to the gradient flow g'g (Wang et al. 2020, equation 8).

Removing w changes g'g by -2 w (Hg), to first order. The paper scores -w (Hg) and removes the highest; ours is w (Hg),
so that what feeds the flow most is most worth keeping. Negative scores are of weights that stand in its way.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from maskbank.models.units import Layer, made_weights, unit_sums
from maskbank.pruning.derivatives import gradient, hessians, summed
from maskbank.pruning.sample import Sample, Scores

ROLE = "rival"


def saliency(
    model: nn.Module, weights: Mapping[str, Tensor], sample: Sample, *, temperature: float = 200.0
) -> dict[str, Tensor]:
    """Logits are divided by `temperature`, 200 as in the authors' code."""
    sample.require("grasp")
    slopes = gradient(model, weights, sample, temperature)
    products = summed(weights, (times(slopes) for times in hessians(model, weights, sample, temperature)))
    return {name: weight.detach() * products[name] for name, weight in weights.items()}


def score(model: nn.Module, layers: list[Layer], sample: Sample, *, temperature: float = 200.0) -> Scores:
    """The sum over the weights that make a unit, which is the change when they all leave, to first order (our reading)."""
    values = saliency(model, made_weights(model, layers), sample, temperature=temperature)
    return {layer.name: unit_sums(values, layer) for layer in layers}
