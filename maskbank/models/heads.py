"""Classifier heads of backbones that follow timm's interface."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def replace_head(model: nn.Module, head: nn.Linear) -> None:
    """Put another classifier in the place of a backbone's own."""
    current = model.get_classifier()  # type: ignore[operator]
    name = next(name for name, module in model.named_modules() if module is current)
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, head)


def features(model: nn.Module, x: Tensor) -> Tensor:
    """[B, D] what the classifier sees."""
    return model.forward_head(model.forward_features(x), pre_logits=True)  # type: ignore[operator]


def head_rows(model: nn.Module, rows: Sequence[int]) -> nn.Linear:
    """A linear head made of some rows (classes) of the model's own."""
    head = model.get_classifier()  # type: ignore[operator]
    picked = nn.Linear(head.in_features, len(rows))
    with torch.no_grad():
        picked.weight.copy_(head.weight[list(rows)])
        picked.bias.copy_(head.bias[list(rows)])
    return picked
