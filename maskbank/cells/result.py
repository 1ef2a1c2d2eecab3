"""What a cell function returns, before it is stored."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskbank.files import hash_bytes


@dataclass(frozen=True)
class AnswerSheet:
    """Predictions on one test set: `predicted` [N] classes, `probability` [N] of the top-1 class in 1/255."""

    ids: NDArray[np.uint32]
    labels: NDArray[np.unsignedinteger]
    predicted: NDArray[np.unsignedinteger]
    probability: NDArray[np.uint8]

    @property
    def accuracy(self) -> float:
        return float((self.predicted == self.labels).mean())

    @property
    def answers_hash(self) -> str:
        return hash_bytes(self.ids.tobytes() + self.labels.tobytes())

    @property
    def hash(self) -> str:
        return hash_bytes(self.answers_hash.encode() + self.predicted.tobytes() + self.probability.tobytes())


@dataclass
class Point:
    """One evaluation point: the columns of its record that the cell measured."""

    steps: int = 0
    status: str = "ok"
    reason: str = ""
    values: dict[str, float | str | None] = field(default_factory=dict)
    sheet: AnswerSheet | None = None


@dataclass
class Result:
    """Points, long-table rows, and an artifact: tensors (numpy) with their JSON description."""

    points: list[Point] = field(default_factory=list)
    metrics: list[tuple[int, str, str, float]] = field(default_factory=list)
    curves: list[tuple[int, str, float]] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    tensors: dict[str, NDArray[Any]] = field(default_factory=dict)
    description: dict[str, Any] = field(default_factory=dict)
