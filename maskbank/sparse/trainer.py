"""Training under weight masks: phases of steps with a fresh optimizer each, weights and gradients masked throughout."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from maskbank.measures.cost import Cost
from maskbank.pruning.weights import Masks, apply_masks, check_masks, densities, prunable_weights
from maskbank.training.loop import Curve, train, warmup_cosine


@dataclass
class SparseTrainer:
    """A model with its masks (True: live), the batches it draws from, and what it has spent so far."""

    model: nn.Module
    batches: Iterator[tuple[Tensor, Tensor]]
    batch: int
    lr: float
    cost: Cost
    generator: torch.Generator
    precision: str
    curve: Curve
    masks: Masks = field(default_factory=dict)
    steps: int = 0
    macs: float = 0.0

    def __post_init__(self) -> None:
        self.weights = prunable_weights(self.model)
        self.masks = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in self.weights.items()}

    def set_masks(self, masks: Masks) -> None:
        """Replace the masks; weights that leave become zero, weights that come back start at exactly zero."""
        self.masks = self.masks | masks
        apply_masks(self.weights, self.masks)

    def phase(self, steps: int, schedule: str) -> None:
        """Train for `steps` at a `constant` or `cosine` rate. Moments of masked weights stay zero: their gradients are."""
        optimizer = torch.optim.Adam(self.model.parameters(), self.lr)
        start = self.steps

        def mask_gradients() -> None:
            for name, weight in self.weights.items():
                if weight.grad is not None:
                    weight.grad.mul_(self.masks[name])

        train(
            self.model,
            (next(self.batches) for _ in range(steps)),
            optimizer,
            precision=self.precision,
            scheduler=warmup_cosine(optimizer, steps) if schedule == "cosine" else None,
            after_backward=mask_gradients,
            on_loss=lambda step, loss: self.curve(start + step, loss),
        )
        check_masks(self.weights, self.masks)
        self.steps += steps
        self.macs += 3 * self.cost.sparse_macs(densities(self.masks)) * self.batch * steps
