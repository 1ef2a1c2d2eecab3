"""What quantizing a model leaves besides the changed model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Compressed:
    """`achieved` in the budget's own unit, bytes as stored."""

    achieved: float
    bytes: int
