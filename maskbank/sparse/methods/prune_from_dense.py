"""Prune from dense: train dense for a part of the steps, prune by magnitude once, fine-tune for the rest."""

from maskbank.pruning.weights import magnitudes, weight_masks
from maskbank.sparse.trainer import SparseTrainer

ROLE = "rival"


def train(trainer: SparseTrainer, budget: float, allocation: str, steps: int, *, dense_fraction: float = 0.5) -> None:
    dense = round(steps * dense_fraction)
    trainer.phase(dense, "constant")
    trainer.set_masks(weight_masks(magnitudes(trainer.weights), budget, allocation))
    trainer.phase(steps - dense, "cosine")
