"""CrAM+ (Peste et al. 2023, arXiv 2207.14200): steps that lower the loss of the model and of its pruned self."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

DENSITIES = (0.5, 0.3, 0.1)  # that the paper prunes to: 50, 70 and 90 % sparsity


class CompressionAware(torch.optim.Adam):
    """Adam with the sum of two gradients: at w, and at the pruned ascent point C(w + rho * grad L(w)).

    C keeps the largest of all weights with two or more dimensions; the second gradient is masked likewise ("sparse
    gradients" of the paper) and taken as if C were the identity. The authors draw one of three densities a step; here
    they take turns, so that a step is a function of its number (our choice).
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, rho: float) -> None:
        super().__init__(parameters, lr)
        self.param_groups[0] |= {"rho": rho, "taken": 0}

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> Tensor:  # type: ignore[override]
        with torch.enable_grad():
            loss = closure()
        group: dict[str, Any] = self.param_groups[0]
        moved = [value for value in group["params"] if value.grad is not None]
        before = [value.detach().clone() for value in moved]
        gradients = [value.grad.clone() for value in moved]
        torch._foreach_add_(moved, gradients, alpha=group["rho"])
        masks = self.pruned(moved, DENSITIES[group["taken"] % len(DENSITIES)])
        with torch.enable_grad():
            closure()
        for place, mask in masks.items():
            moved[place].grad.mul_(mask)
        torch._foreach_copy_(moved, before)
        torch._foreach_add_([value.grad for value in moved], gradients)
        group["taken"] += 1
        super().step()
        return loss

    @staticmethod
    @torch.no_grad()
    def pruned(values: list[nn.Parameter], density: float) -> dict[int, Tensor]:
        """Prune the weights among these in place; their masks by place."""
        sizes = {place: value.abs() for place, value in enumerate(values) if value.ndim > 1}
        every = torch.cat([size.flatten() for size in sizes.values()])
        least = every.kthvalue(len(every) - round(density * len(every)) + 1).values
        masks = {place: size >= least for place, size in sizes.items()}
        for place, mask in masks.items():
            values[place].mul_(mask)
        return masks
