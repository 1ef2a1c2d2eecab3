"""What a model costs when single weights of it are zero: of any model, whatever it is for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class WeightCost:
    """MACs of one example, dense: `macs` of all, `each` of the weight of every convolution and linear layer."""

    macs: float
    params: int
    each: Mapping[str, float]

    def sparse_macs(self, density: Mapping[str, float]) -> float:
        """Theoretical MACs of one example when each named weight has this density; the others are dense."""
        return self.macs - sum((1 - share) * self.each[name] for name, share in density.items())


def weight_cost(model: nn.Module, x: Tensor) -> WeightCost:
    """Costs as one forward of `x` [1, ...] in eval mode has them.

    MACs count convolutions, linear layers and other matrix products (attention); not normalisation, activation, pooling.
    """
    each: dict[str, float] = {}

    def count(name: str) -> Any:
        def hook(layer: Any, _: object, output: Tensor) -> None:
            places = output.numel() / layer.weight.shape[0]
            each[name] = each.get(name, 0.0) + places * layer.weight.numel()

        return hook

    layers = [(name, each) for name, each in model.named_modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count(f"{name}.weight")) for name, layer in layers]
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as flops:
            model(x)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    params = sum(parameter.numel() for parameter in model.parameters())
    return WeightCost(flops.get_total_flops() / 2, params, each)
