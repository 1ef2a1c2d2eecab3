"""Pruning of single weights: which may go, and masks as score x allocation x pattern."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from maskbank.errors import InputError, WorkError
from maskbank.patterns import check_fit
from maskbank.pruning.density import Budget, share
from maskbank.pruning.patterns import NOfM, Pattern, Unstructured
from maskbank.pruning.topk import top

Masks = dict[str, Tensor]  # parameter name -> bool tensor of its shape, True: live
Saliencies = dict[str, Tensor]  # parameter name -> values of its shape, the higher the more worth keeping


def prunable_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """Weights of convolutions and linear layers, but for the stem (the first one) and the classifier.

    The classifier is the model's own word (timm's `get_classifier`), or else the last one. A model may name all modules
    that stay dense itself (`dense_layers`).
    """
    layers = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    if not layers:
        raise InputError(f"{type(model).__name__}: no convolution and no linear layer, so that no weight can be pruned")
    if hasattr(model, "dense_layers"):
        named = cast(tuple[str, ...], model.dense_layers)
        return {f"{name}.weight": cast(nn.Parameter, module.weight) for name, module in layers if name not in named}
    classifier = model.get_classifier() if hasattr(model, "get_classifier") else layers[-1][1]  # type: ignore[operator]
    return {
        f"{name}.weight": cast(nn.Parameter, module.weight) for name, module in layers[1:] if module is not classifier
    }


def magnitudes(weights: Mapping[str, Tensor]) -> Saliencies:
    """|w|, the saliency of magnitude pruning (Han et al. 2015)."""
    return {name: weight.detach().abs() for name, weight in weights.items()}


def weight_masks(
    saliencies: Saliencies,
    budget: Budget,
    allocation: str = "global",
    pattern: Pattern = Unstructured(),  # noqa: B008
) -> Masks:
    """Masks that keep a fraction `budget` of the weights (a density for each tensor under allocation per_layer).

    Exactly as many stay as the allocation says, never none of a tensor; ties go to the lower index. The pattern n of m
    has its own density: it wants allocation uniform and a budget of n / m. Raises InputError for what does not fit,
    before anything is chosen.
    """
    for name, values in saliencies.items():
        if not values.sum().isfinite() and not values.isfinite().all():
            raise InputError(f"saliency of {name}: NaN or infinite; the method cannot rank these weights")
        pattern.check(name, tuple(values.shape))
    if isinstance(pattern, NOfM):
        check_fit(f"{pattern.n}:{pattern.m}", budget, allocation)
        return {name: pattern.choose(values) for name, values in saliencies.items()}
    groups = {name: pattern.things(values) for name, values in saliencies.items()}
    shapes = {name: tuple(values.shape) for name, values in saliencies.items()}
    kept: Masks = {}
    for names, keep in share(shapes, {name: values.numel() for name, values in groups.items()}, budget, allocation):
        kept |= top({name: groups[name] for name in names}, keep)
    return {name: pattern.mask(kept[name], shapes[name]) for name in saliencies}


@torch.no_grad()
def apply_masks(weights: dict[str, nn.Parameter], masks: Masks) -> None:
    for name, mask in masks.items():
        weights[name].mul_(mask)


def check_masks(weights: Mapping[str, Tensor], masks: Masks) -> None:
    """The invariant of sparse training: what is masked is exactly zero. Raises WorkError that names the tensor."""
    for name, mask in masks.items():
        alive = int(torch.count_nonzero(weights[name].detach().masked_fill(mask, 0)))
        if alive:
            raise WorkError(
                f"{name}: {alive} of {int((~mask).sum())} masked weights are not zero; they came back in training"
            )


def live_weights(masks: Masks) -> tuple[int, int]:
    """How many weights are live, and of how many."""
    return sum(int(mask.sum()) for mask in masks.values()), sum(mask.numel() for mask in masks.values())


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
