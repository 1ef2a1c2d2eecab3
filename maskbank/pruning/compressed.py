"""What quantizing a net leaves beside the changed net."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Compressed:
    """`achieved` in the budget's own unit, bytes as stored."""

    achieved: float
    bytes: int
