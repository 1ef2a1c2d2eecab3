"""A removed unit in terms of those that stay: what reconstruction hands to its readers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from maskbank.models.units import Layer
from maskbank.pruning.recording import Recording


@dataclass(frozen=True)
class Approximation:
    """Removed units in terms of kept ones: `matrix` [removed, kept], `constant` [removed] or [removed, width]."""

    matrix: Tensor | None = None
    constant: Tensor | None = None

    @staticmethod
    def partners(found: Mapping[int, int], kept: Tensor) -> "Approximation":
        """Each removed unit is one kept unit, `{removed: kept}`, or nothing (below 0)."""
        column = {unit: place for place, unit in enumerate(kept.tolist())}
        matrix = torch.zeros(len(found), len(kept), dtype=torch.float64)
        for row, removed in enumerate(sorted(found)):
            if found[removed] >= 0:
                matrix[row, column[found[removed]]] = 1
        return Approximation(matrix)


Merge = Callable[[nn.Module, Layer, Tensor, Recording], Approximation | None]


def removed_units(layer: Layer, kept: Tensor) -> Tensor:
    """Ascending indices of the units that go."""
    return torch.ones(layer.count, dtype=torch.bool).index_fill(0, kept, False).nonzero().flatten()
