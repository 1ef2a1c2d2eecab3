"""SAM and ASAM of pytorch-optimizer around Adam, behind the one interface of the loop: `step(closure) -> loss`."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from maskbank.training.recipe import MakeOptimizer


def sharpness_aware(rho: float, adaptive: bool) -> MakeOptimizer:
    """An optimizer whose step calls the closure twice, at the weights and at the perturbed weights."""
    from pytorch_optimizer import SAM  # takes a second to import, and few recipes need it

    class SharpnessAware(SAM):
        def step(self, closure: Callable[[], Tensor]) -> Tensor:  # type: ignore[override]
            with torch.enable_grad():
                loss = closure()
            super().step(closure)  # type: ignore[arg-type]
            return loss

    def make(parameters: Iterable[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        return SharpnessAware(parameters, torch.optim.Adam, rho=rho, adaptive=adaptive, lr=lr)  # type: ignore[return-value]

    return make
