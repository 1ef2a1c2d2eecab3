"""The axes of a comparison: what is compared, on which units, averaged over what, and what is never averaged."""

from dataclasses import dataclass

TASK, SEED = "task", "seed"
BLOCKS = {TASK: ("split", "task", "pretrain_seed", "seed"), SEED: ("unit",)}
NAMED = {TASK: 2, SEED: 1}  # leading columns of a block that name its unit; the rest are replicates, averaged inside it
COUNTED = {TASK: "splits", SEED: "seeds"}  # what n counts: tasks are averaged inside their split


@dataclass(frozen=True)
class Axes:
    """Columns of a study's rows. `unit` says what pairs two arms: tasks, clustered by split, or pretraining seeds."""

    setting: tuple[str, ...]  # rows that differ here are never averaged
    arm: str  # what is compared
    point: tuple[str, ...]  # averaged inside a unit
    unit: str
    score: str = "accuracy"

    @property
    def block(self) -> list[str]:
        return list(BLOCKS[self.unit])
