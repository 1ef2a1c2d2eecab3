"""The one training loop. It never grows: what differs between methods comes in as arguments."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.errors import Diverged


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


def train(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    optimizer: torch.optim.Optimizer,
    *,
    precision: str = "float32",
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    after_backward: Callable[[], None] | None = None,
    on_loss: Callable[[int, float], None] | None = None,
) -> int:
    """Cross-entropy steps over `batches`; returns how many were taken.

    The optimizer is always given a closure, so that one that evaluates the loss twice (SAM) needs no other loop.
    `after_backward` may change gradients (masks). Raises Diverged at a loss that is not finite.
    """
    model.train()
    step = 0
    for step, (x, y) in enumerate(batches, start=1):

        def closure(x: Tensor = x, y: Tensor = y) -> Tensor:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                logits = model(x)
            loss = F.cross_entropy(logits.float(), y)
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
    return step


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
