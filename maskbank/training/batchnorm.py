"""BatchNorm statistics: re-estimation after a model was changed, and batch statistics without a trace."""

import contextlib
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn


def norms(model: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


@torch.no_grad()
def reestimate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Replace running statistics by their plain average over the batches; a model without BatchNorm is left as it is."""
    layers = norms(model)
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    model.train()
    for x, _ in batches:
        model(x)
    model.eval()
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


@contextlib.contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """BatchNorm in training mode uses the statistics of the batch and leaves its running ones alone."""
    layers = [layer for layer in norms(model) if layer.training]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True


@contextlib.contextmanager
def batch_statistics(model: nn.Module) -> Iterator[None]:
    """BatchNorm uses the statistics of the batch and leaves its running ones alone; all else is in eval mode."""
    model.eval()
    layers = norms(model)
    for layer in layers:
        layer.train()
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.eval()
            layer.track_running_stats = True
