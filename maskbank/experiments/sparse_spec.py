"""The spec of sparse trainings, whole ones and those of workers. Knows no torch."""

from typing import Any

from maskbank.cells.spec import Spec
from maskbank.registry import BACKBONES, SPARSIFIERS, WORKLOADS

IMAGES = "images"  # the workload of the prepared data


class SparseSpec(Spec):
    """Base of the specs whose cells train a sparse model."""

    recipe: str = "scratch"
    setup: str = "same-steps"
    budget_kind: str = "weights"
    workload: str = IMAGES
    dataset: str | None = None
    model: dict[str, Any] = {}
    steps: int
    tune_fraction: float
    batch: int
    lr: float
    crop: int = 0
    flip: bool = False
    score_images: int = 0
    validate_phases: bool = False
    debug: bool = False

    def points(self) -> tuple[int, ...]:
        return (self.steps,)

    def modules(self) -> tuple[str, ...]:
        made = WORKLOADS.module_name(self.workload) if self.workload != IMAGES else BACKBONES.module_name(self.backbone)
        return (made, SPARSIFIERS.module_name(self.method))


def has_workers(method: str) -> bool:
    """Whether cells of workers come before one of this method."""
    return bool(SPARSIFIERS.constant(method, "WORKERS"))
