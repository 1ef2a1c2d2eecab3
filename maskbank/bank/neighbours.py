"""The bank entries nearest to a target: class-disjoint ones, shortlisted by prototypes, ranked by a similarity."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from maskbank.bank.store import MaskBank
from maskbank.bank.table import Index
from maskbank.bank.target import Target
from maskbank.models.units import Layer
from maskbank.registry import SIMILARITIES


@dataclass(frozen=True)
class Neighbours:
    """Places of entries in the bank, the first chosen first, with their similarity to the target."""

    indices: NDArray[np.int64]
    similarity: NDArray[np.float64]


def find_neighbours(
    model: nn.Module,
    layers: list[Layer],
    target: Target,
    bank: MaskBank,
    *,
    count: int,
    similarity: str = "leep",
    order: str = "nearest",
    shortlist: int = 64,
    rough: int = 3,
    size: int = 0,
    same_ways: bool = False,
) -> Neighbours:
    """The `count` nearest (or farthest) of the class-disjoint entries, ties by place.

    LEEP runs each entry's sub-network, so it looks at few: of more than `shortlist` entries at those nearest by prototype
    cosine; of these, if more than `rough * count`, at all with a quarter of the images and at the best `rough * count`
    with all images. 0 for either leaves it out. `size`: only the first so many class-disjoint entries of the bank
    exist; 0 for all. `same_ways`: only entries with as many classes as the target. Raises InputError where there are none.
    """
    free = bank.free(target.dataset, target.classes, len(target.classes) if same_ways else None)
    free = free[:size] if size else free
    sign = 1 if order == "nearest" else -1

    def best(name: str, indices: Index, seen: Target, number: int) -> Neighbours:
        values = SIMILARITIES.module(name).similarity(model, layers, seen, bank, indices)
        values = across_ways(values, bank.ways(indices))
        chosen = np.argsort(-sign * values, kind="stable")[:number]
        return Neighbours(indices[chosen], values[chosen])

    if similarity == "leep" and 0 < shortlist < len(free):
        free = np.sort(best("prototypes", free, target, shortlist).indices)
    if similarity == "leep" and 0 < rough * count < len(free):
        few = replace(target, sample=target.sample.first(len(target.sample.x) // 4))
        free = np.sort(best("leep", free, few, rough * count).indices)
    return best(similarity, free, target, count)


def across_ways(values: NDArray[np.float64], ways: NDArray[np.int64]) -> NDArray[np.float64]:
    """Similarities of entries with different numbers of classes, made comparable: standardised among those of one number.

    Our reading: LEEP grows with the number of source classes, so that values compare within one number only. An entry
    that is the only one of its number counts as average. Where all have one number, nothing is changed.
    """
    if len(np.unique(ways)) < 2:
        return values
    scaled = np.zeros_like(values)
    for number in np.unique(ways):
        own = ways == number
        spread = values[own].std()
        scaled[own] = (values[own] - values[own].mean()) / spread if spread > 0 else 0.0
    return scaled
