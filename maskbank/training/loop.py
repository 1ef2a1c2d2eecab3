"""The one training loop. It never grows: what differs between methods comes in as arguments."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.errors import Diverged
from maskbank.training.batchnorm import frozen_statistics

Loss = Callable[[Any, Tensor], Tensor]  # of a model's outputs and what they should be


@dataclass
class Curve:
    """Rows (step, metric, value) of a training curve, about `points` of them over `steps`."""

    steps: int
    points: int
    rows: list[tuple[int, str, float]] = field(default_factory=list)

    def __call__(self, step: int, loss: float) -> None:
        every = max(1, self.steps // self.points) if self.points else 0
        if every and (step % every == 0 or step == self.steps):
            self.rows.append((step, "train_loss", loss))


def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(logits.float(), y)


def train(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    *,
    loss_of: Loss = cross_entropy,
    precision: str = "float32",
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    after_backward: Callable[[], None] | None = None,
    on_loss: Callable[[int, float], None] | None = None,
    first: int = 0,
) -> int:
    """Steps over `batches`, of cross-entropy unless told; returns how many were taken. `first` were taken before.

    The optimizer is always given a closure, so that one that evaluates the loss twice (SAM) needs no other loop; a
    second pass leaves BatchNorm's running statistics alone. `after_backward` may change gradients (masks). Raises
    Diverged at a loss that is not finite.
    """
    model.train()
    device, step = next(model.parameters()).device, first
    for step, (x, y) in enumerate(batches, start=first + 1):

        def closure(x: Tensor = x, y: Tensor = y, passes: Iterator[int] = count()) -> Tensor:  # noqa: B008
            optimizer.zero_grad(set_to_none=True)
            again = next(passes) > 0
            with (
                torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"),
                frozen_statistics(model) if again else nullcontext(),
            ):
                outputs = model(x.to(device))
            loss = loss_of(outputs, y.to(device))
            loss.backward()
            if after_backward is not None:
                after_backward()
            return loss.detach()

        loss = float(optimizer.step(closure))  # type: ignore[arg-type]
        if not torch.isfinite(torch.tensor(loss)):
            raise Diverged(f"loss {loss} at step {step}; lower the learning rate")
        if scheduler is not None:
            scheduler.step()
        if on_loss is not None:
            on_loss(step, loss)
    return step - first


def warmup_cosine(
    optimizer: torch.optim.Optimizer, steps: int, warmup: float = 0.1
) -> torch.optim.lr_scheduler.LRScheduler:
    """Linear warm-up over the first tenth of the steps, then a cosine to zero."""
    rise = max(1, round(steps * warmup))

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * (step - rise) / max(1, steps - rise)))))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
