"""Derivatives of the mean loss by weights, without a trace: no .grad is left, requires_grad stays as it is.

BatchNorm uses the statistics of each part of the sample, as in training, and keeps its running ones.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from maskbank.pruning.sample import Sample
from maskbank.training.batchnorm import batch_statistics

Values = dict[str, Tensor]  # parameter name -> tensor of its shape


def leaves(weights: Mapping[str, Tensor]) -> Values:
    """The same numbers as new variables, so that frozen weights have derivatives too."""
    return {name: weight.detach().requires_grad_() for name, weight in weights.items()}


def losses(
    model: nn.Module, weights: Mapping[str, Tensor], sample: Sample, temperature: float = 1.0
) -> Iterator[tuple[Tensor, Values]]:
    """For each part of the sample its share of the mean loss, and the variables that it depends on."""
    with batch_statistics(model), torch.enable_grad():
        for x, y in sample.chunks():
            held = leaves(weights)
            logits = functional_call(model, held, (x,))
            yield F.cross_entropy(logits / temperature, y, reduction="sum") / len(sample.x), held


def gradients(
    model: nn.Module, weights: Mapping[str, Tensor], sample: Sample, temperature: float = 1.0
) -> Iterator[Values]:
    """Of each part's share of the mean loss; their sum is the gradient of the mean loss."""
    for loss, held in losses(model, weights, sample, temperature):
        found = torch.autograd.grad(loss, list(held.values()), materialize_grads=True)
        yield dict(zip(held, found, strict=True))


def gradient(model: nn.Module, weights: Mapping[str, Tensor], sample: Sample, temperature: float = 1.0) -> Values:
    return summed(weights, gradients(model, weights, sample, temperature))


def summed(weights: Mapping[str, Tensor], parts: Iterable[Values]) -> Values:
    total = {name: torch.zeros_like(weight.detach()) for name, weight in weights.items()}
    for part in parts:
        for name, value in part.items():
            total[name] += value
    return total


def hessians(
    model: nn.Module, weights: Mapping[str, Tensor], sample: Sample, temperature: float = 1.0
) -> Iterator[Callable[[Values], Values]]:
    """For each part the product of its share of the mean loss's Hessian with a direction; to be used before the next.

    By double backward, for which attention is computed in its plain form.
    """
    with sdpa_kernel(SDPBackend.MATH):
        for loss, held in losses(model, weights, sample, temperature):
            slopes = torch.autograd.grad(loss, list(held.values()), create_graph=True, materialize_grads=True)

            def product(direction: Values, slopes: tuple[Tensor, ...] = slopes, held: Values = held) -> Values:
                along = torch.stack([(slope * direction[name]).sum() for name, slope in zip(held, slopes, strict=True)])
                found = torch.autograd.grad(along.sum(), list(held.values()), retain_graph=True, materialize_grads=True)
                return dict(zip(held, found, strict=True))

            yield product
