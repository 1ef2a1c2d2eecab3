"""The task that a sub-network is wanted for, as methods may see it: training images and what the dense model makes of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from maskbank.measures.cost import Cost
from maskbank.pruning.sample import Sample


@dataclass(frozen=True)
class Target:
    """`budget` is the fraction of units to keep.

    `means()` computes the class means of the dense model's features; `batches(steps)` draws training batches again, for
    methods that learn on the target itself. Both are paid for by those methods alone that call for them.
    """

    dataset: str
    classes: tuple[int, ...]
    sample: Sample
    cost: Cost
    budget: float
    means: Callable[[], Tensor]
    batches: Callable[[int], Iterator[tuple[Tensor, Tensor]]]

    @cached_property
    def prototypes(self) -> Tensor:
        """[ways, D]"""
        return self.means()
