"""What a cell costs, whatever the machine: examples that go through the dense model. Knows no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """What costs depend on beside the spec: test images a class, and entries of a mask bank."""

    per_class: int
    entries: int


@dataclass(frozen=True)
class Work:
    """Examples trained on (forward and backward) and evaluated (forward)."""

    trained: float = 0.0
    evaluated: float = 0.0


def tested(classes: tuple[int, ...], facts: Facts) -> int:
    """Test images of these classes."""
    return facts.per_class * len(classes)
