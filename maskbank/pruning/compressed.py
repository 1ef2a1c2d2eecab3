"""What compressing a net leaves beside the changed net."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Compressed:
    """`achieved` in the budget's own unit, bytes as stored, density of each pruned weight."""

    achieved: float
    bytes: int
    density: dict[str, float] = field(default_factory=dict)
