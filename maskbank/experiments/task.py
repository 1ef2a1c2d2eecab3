"""What the cells of one target task have in common. Knows no torch."""

from maskbank.cells.spec import Spec


class TaskSpec(Spec):
    """Base of the specs whose cells adapt sub-networks to a target task."""

    setup: str = "same-schedule"
    dataset: str
    pattern: str = "units"
    score_images: int
    adapt_steps: tuple[int, ...]
    batch: int
    lr: float
    shuffled_labels: bool = False

    def points(self) -> tuple[int, ...]:
        return self.adapt_steps
