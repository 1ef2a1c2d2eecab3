"""What one run of a model on shapes has seen: which features of its tensors are one and the same unit.

Every feature that a convolution or linear layer makes gets a number. Features that are declared one, by an addition, a
product, a norm or a layer that reads both, are the same unit: a component of the graph of these declarations.
"""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

FIXED = 0  # the number of features that stay: pixels, logits, whatever an unknown operation touched


@dataclass
class Binding:
    """The features along one dimension of one tensor of the state: `ids` [features]."""

    ids: Tensor
    role: str


@dataclass
class Activation:
    """A tensor that the forward makes: elements a feature, and when it is made and last used."""

    ids: Tensor
    each: int
    born: int
    died: int


@dataclass
class Trace:
    """What a run on shapes has seen. `bindings` by (tensor, dim) in forward order."""

    bindings: dict[tuple[str, int], Binding] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # weight -> places where it is used
    products: list[tuple[Tensor, int]] = field(default_factory=list)  # attention: ids [heads], MACs a head
    activations: list[Activation] = field(default_factory=list)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    pinned: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # operation -> modules it read
    parts: dict[int, tuple[Tensor, list[Tensor]]] = field(default_factory=dict)  # features that were cut apart
    edges: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    added: list[Tensor] = field(default_factory=list)
    heads: list[Tensor] = field(default_factory=list)
    normed: list[Tensor] = field(default_factory=list)
    count: int = 1

    def fresh(self, features: int) -> Tensor:
        ids = torch.arange(self.count, self.count + features)
        self.count += features
        return ids

    def unify(self, a: Tensor, b: Tensor) -> None:
        self.edges.append((a.flatten(), b.flatten()))

    def bind(self, tensor: str, dim: int, ids: Tensor, role: str) -> Tensor:
        """Tie the features along a dimension of a tensor; a tensor used twice ties both uses together."""
        known = self.bindings.get((tensor, dim))
        if known is None:
            self.bindings[tensor, dim] = Binding(ids, role)
            return ids
        self.unify(known.ids, ids)
        return known.ids

    def components(self) -> NDArray[np.int64]:
        """[count] the unit of each number; equal numbers are one unit. Unit of FIXED: features that stay.

        Features that the forward cuts apart by position (halves, thirds) may go only where every part loses the same
        ones, as the halves of a gate do; all others stay.
        """
        found = self.connected()
        while loose := [whole for whole, parts in self.parts.values() if not tied(whole, parts, found)]:
            for whole in loose:
                self.unify(whole, torch.full((whole.numel(),), FIXED))
                self.pinned["cut apart"].add("")
            found = self.connected()
        return found

    def connected(self) -> NDArray[np.int64]:
        if not self.edges:
            return np.arange(self.count)
        a = torch.cat([edge[0] for edge in self.edges]).numpy()
        b = torch.cat([edge[1] for edge in self.edges]).numpy()
        graph = coo_matrix((np.ones(len(a), dtype=np.int8), (a, b)), shape=(self.count, self.count))
        return connected_components(graph, directed=False)[1].astype(np.int64)


def tied(whole: Tensor, parts: list[Tensor], unit_of: NDArray[np.int64]) -> bool:
    """Whether parts of some features hold the same units in the same places, and together all of them; or none may go."""
    if (unit_of[whole.numpy()] == unit_of[FIXED]).all():
        return True
    held = [unit_of[part.numpy()] for part in parts]
    alike = all(len(each) == len(held[0]) and (each == held[0]).all() for each in held)
    return alike and len(np.unique(torch.cat(parts).numpy())) == len(np.unique(whole.numpy()))
