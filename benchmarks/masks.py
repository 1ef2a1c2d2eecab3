"""A global magnitude mask over ResNet-50's 25.5 M weights: `python benchmarks/masks.py`.

Keeps the largest 10 % by |w|, one thread, in turns with what torch ships and with a full sort by numpy. CPU-seconds, medians;
the model is copied outside the clock.
"""

import copy
import statistics
import time
from collections.abc import Callable

import numpy as np
import timm
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from maskbank.pruning.weights import magnitudes, weight_masks

BUDGET, REPEATS = 0.1, 3


def weights_of(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: weight for name, weight in model.named_parameters() if weight.ndim > 1}


def ours(model: nn.Module) -> dict[str, Tensor]:
    return weight_masks(magnitudes(weights_of(model)), BUDGET, "global")


def full_sort(model: nn.Module) -> dict[str, Tensor]:
    weights = weights_of(model)
    values = {name: weight.detach().abs() for name, weight in weights.items()}
    ranked = np.sort(np.concatenate([value.numpy().ravel() for value in values.values()]))
    threshold = float(ranked[len(ranked) - round(BUDGET * len(ranked))])
    return {name: value >= threshold for name, value in values.items()}


def torch_prune(model: nn.Module) -> dict[str, Tensor]:
    modules = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    named = [(module, "weight") for module in modules]
    prune.global_unstructured(named, pruning_method=prune.L1Unstructured, amount=1 - BUDGET)
    return {str(place): module.get_buffer("weight_mask") for place, module in enumerate(modules)}


def cpu_seconds(action: Callable[[nn.Module], dict[str, Tensor]], model: nn.Module) -> float:
    fresh = copy.deepcopy(model)
    started = time.process_time()
    masks = action(fresh)
    spent = time.process_time() - started
    kept, total = sum(int(mask.sum()) for mask in masks.values()), sum(mask.numel() for mask in masks.values())
    if abs(kept - BUDGET * total) > 100:
        raise AssertionError(f"{action.__name__} keeps {kept} of {total}")
    return spent


def compare(model: nn.Module, layout: torch.memory_format) -> dict[str, float]:
    """Median CPU-seconds of each way; the first round warms up. torch's own knows contiguous weights only."""
    ways = (ours, full_sort, torch_prune) if layout == torch.contiguous_format else (ours, full_sort)
    rounds = [[cpu_seconds(way, model) for way in ways] for _ in range(REPEATS + 1)][1:]
    return {
        way.__name__: statistics.median(column) for way, column in zip(ways, zip(*rounds, strict=True), strict=True)
    }


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = timm.create_model("resnet50", pretrained=False)
    count = sum(weight.numel() for weight in weights_of(model).values())
    for layout in (torch.contiguous_format, torch.channels_last):
        spent = compare(model.to(memory_format=layout), layout)
        others = ", ".join(f"{name} {value:.3f} ({value / spent['ours']:.1f} x)" for name, value in spent.items())
        print(f"mask of {count} weights, {str(layout).removeprefix('torch.')}, CPU-seconds: {others}")


if __name__ == "__main__":
    main()
