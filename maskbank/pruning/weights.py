"""Unstructured pruning: which weights may go, and exact selection of those that stay."""

from typing import cast

import torch
from torch import Tensor, nn

from maskbank.errors import InputError

Masks = dict[str, Tensor]  # parameter name -> bool tensor of its shape


def prunable_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """Weights of convolutions and linear layers, but for the stem (the first one) and the classifier."""
    classifier = model.get_classifier()  # type: ignore[operator]
    found = {
        f"{name}.weight": cast(nn.Parameter, module.weight)
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and module is not classifier
    }
    return {name: found[name] for name in list(found)[1:]}


def exact_top(values: Tensor, keep: int) -> Tensor:
    """Bool mask of exactly `keep` of the flat `values`: the largest; ties go to the lower index."""
    mask = torch.zeros(values.numel(), dtype=torch.bool)
    if keep > 0:
        threshold = values.kthvalue(values.numel() - keep + 1).values
        mask |= values > threshold
        ties = torch.nonzero(values == threshold).flatten()
        mask[ties[: keep - int(mask.sum())]] = True
    return mask


def magnitude_masks(weights: dict[str, Tensor], budget: float, allocation: str) -> Masks:
    """Keep a fraction of the weights by |w|: `uniform` in each tensor, `global` over all of them.

    Raises InputError where a tensor would lose every weight under `uniform`.
    """
    if allocation == "uniform":
        return {name: uniform_mask(name, weight, budget) for name, weight in weights.items()}
    flat = torch.cat([weight.detach().abs().flatten() for weight in weights.values()])
    kept = exact_top(flat, round(budget * flat.numel()))
    pieces = kept.split([weight.numel() for weight in weights.values()])
    return {name: piece.reshape(weight.shape) for (name, weight), piece in zip(weights.items(), pieces, strict=True)}


def uniform_mask(name: str, weight: Tensor, budget: float) -> Tensor:
    keep = round(budget * weight.numel())
    if keep == 0:
        raise InputError(
            f"budget {budget:g}: would leave no weight in {name} ({weight.numel()} weights); use a larger one"
        )
    return exact_top(weight.detach().abs().flatten(), keep).reshape(weight.shape)


def random_masks(weights: dict[str, Tensor], budget: float, generator: torch.Generator) -> Masks:
    """Keep exactly a fraction of each tensor's weights, at random."""
    return {
        name: exact_top(
            torch.rand(weight.numel(), generator=generator), max(1, round(budget * weight.numel()))
        ).reshape(weight.shape)
        for name, weight in weights.items()
    }


@torch.no_grad()
def apply_masks(weights: dict[str, nn.Parameter], masks: Masks) -> None:
    for name, mask in masks.items():
        weights[name].mul_(mask)


def densities(masks: Masks) -> dict[str, float]:
    return {name: float(mask.double().mean()) for name, mask in masks.items()}


def packed_bytes(model: nn.Module, masks: Masks) -> int:
    """Bytes of the state when masked tensors are stored as a bit mask and their non-zero values."""
    total = 0
    for name, value in model.state_dict().items():
        mask = masks.get(name)
        dense = value.numel() * value.element_size()
        total += dense if mask is None else (mask.numel() + 7) // 8 + int(mask.sum()) * value.element_size()
    return total
