"""Dense: the same steps without any mask; with budget 1 the reference."""

from maskbank.sparse.trainer import SparseTrainer

ROLE = "reference"


def train(trainer: SparseTrainer, budget: float, allocation: str, steps: int) -> None:
    trainer.phase(steps, "cosine")
