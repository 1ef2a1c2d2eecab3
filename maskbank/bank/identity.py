"""What all entries of a bank have in common."""

from dataclasses import asdict, dataclass
from functools import cached_property

from maskbank.files import hash_json


@dataclass(frozen=True)
class Identity:
    """The model that masks are of: `dense_hash` names its checkpoint, `layers` are (name, kind, count), `features` is D."""

    backbone: str
    dense_hash: str
    layers: tuple[tuple[str, str, int], ...]
    features: int

    @cached_property
    def units(self) -> int:
        return sum(count for _, _, count in self.layers)

    @cached_property
    def hash(self) -> str:
        return hash_json(asdict(self))

    def differences(self, other: "Identity") -> str:
        """What of another identity is not as here, as one line; empty where they are equal."""
        mine, theirs = asdict(self), asdict(other)
        return "; ".join(
            "layers differ" if key == "layers" else f"{key} {theirs[key]} instead of {mine[key]}"
            for key in mine
            if mine[key] != theirs[key]
        )
