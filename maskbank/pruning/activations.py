"""What units give out on the examples: averages over the sample of anything that is said of an activation."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from maskbank.models.units import Layer, watch
from maskbank.pruning.sample import Sample
from maskbank.training.batchnorm import batch_statistics


@torch.no_grad()
def average(
    model: nn.Module, layers: list[Layer], sample: Sample, said: Callable[[Layer, Tensor], Tensor]
) -> dict[str, Tensor]:
    """Layer name -> the mean over examples of `said(layer, activation [B, P, count, width])`, which is [B, count, ...].

    Activations are those that the first reader reads. BatchNorm uses the statistics of each part of the sample.
    """
    total: dict[str, Tensor] = {}

    def add(layer: Layer, activation: Tensor) -> None:
        value = said(layer, activation).sum(0)
        total[layer.name] = total[layer.name] + value if layer.name in total else value

    with batch_statistics(model), watch(model, layers, add):
        for x, _ in sample.chunks():
            model(x)
    return {layer.name: total[layer.name] / len(sample.x) for layer in layers}
