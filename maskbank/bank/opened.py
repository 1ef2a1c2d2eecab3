"""The mask bank as it is read, and the questions asked of it."""

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from maskbank.bank.columns import Columns
from maskbank.bank.entry import Entry
from maskbank.bank.identity import Identity
from maskbank.bank.pack import Pack
from maskbank.bank.record import by_layer, decode
from maskbank.bank.signatures import Signatures, chance_match, mean_best_match
from maskbank.bank.table import Index, Table
from maskbank.errors import InputError
from maskbank.files import hash_bytes

BLOCK = 4096  # entries at a time


class MaskBank:
    """Entries of one or more packs, memory-mapped: opening reads their ids, and asking reads what is asked for.

    An index is an entry's place among the ids in ascending order; `indices` are int64 arrays of them.
    """

    def __init__(self, identity: Identity, packs: Sequence[Pack]) -> None:
        self.identity, self.packs, self.columns = identity, packs, Columns(packs)

    def __len__(self) -> int:
        return len(self.columns)

    @cached_property
    def ids(self) -> list[str]:
        text = self.columns.ids.whole().tobytes().hex()
        return [text[start : start + 32] for start in range(0, len(text), 32)]

    @cached_property
    def hash(self) -> str:
        """Of the set of entries, whatever packs they lie in."""
        return hash_bytes(self.columns.ids.whole().tobytes())

    def entry(self, index: int) -> Entry:
        pack, place = self.columns.ids.locate(index)
        return decode(self.identity, self.packs[pack].record(self.identity, place))

    def classes(self, index: int) -> tuple[int, ...]:
        start, ways = self.columns.first[index], self.columns.ways[index]
        return tuple(self.columns.classes[start : start + ways].tolist())

    def dataset(self, index: int) -> str:
        return self.columns.dataset_names[self.columns.datasets[index]]

    def accuracy(self, index: int) -> float:
        pack, place = self.columns.ids.locate(index)
        return float(self.packs[pack].arrays["accuracy"][place])

    def task(self, index: int) -> str:
        return str(self.said(index)["task"])

    def about(self, index: int) -> dict[str, Any]:
        return dict(self.said(index)["about"])

    def said(self, index: int) -> dict[str, Any]:
        """The entry's text: its task's name and `about`."""
        pack, place = self.columns.ids.locate(index)
        return dict(json.loads(self.packs[pack].text(place)))

    def find(self, prefix: str) -> int:
        """The entry whose id begins so. Raises InputError where there is none, or more than one."""
        found = [index for index, name in enumerate(self.ids) if name.startswith(prefix)]
        if len(found) != 1 or not prefix:
            raise InputError(f"entry {prefix}: {len(found)} ids of the bank begin so; see `maskbank bank list`")
        return found[0]

    def free(self, dataset: str, classes: Sequence[int], ways: int | None = None) -> Index:
        """Entries that share no class with the target; those of another data set share none by definition.

        `ways`: of that many classes only. Raises InputError where there are none.
        """
        usable = np.ones(len(self), dtype=bool)
        if dataset in self.columns.dataset_names:
            foreign = self.columns.datasets != self.columns.dataset_names.index(dataset)
            usable = foreign | ~self.columns.touched(classes)
        if not usable.any():
            target = f"{list(classes)} of {dataset}"
            raise InputError(f"bank: none of {len(self)} entries is class-disjoint with the target {target}")
        if ways is not None:
            of_ways = usable & (self.columns.ways == ways)
            if not of_ways.any():
                present = ", ".join(map(str, np.unique(self.columns.ways[usable])))
                disjoint = f"{usable.sum()} class-disjoint entries"
                raise InputError(f"bank: none of {disjoint} has {ways} classes; they have {present}")
            usable = of_ways
        return np.flatnonzero(usable)

    def ways(self, indices: Index) -> Index:
        return self.columns.ways[indices]

    def masks(self, indices: Index) -> NDArray[np.bool_]:
        """[n, U] in the order of the identity's layers."""
        return np.unpackbits(self.columns.table("mask").take(indices), axis=1, count=self.identity.units).view(bool)

    def scores(self, indices: Index) -> NDArray[np.float32]:
        """[n, U] before thresholding."""
        return self.columns.table("soft").take(indices)

    def mask_sum(self, indices: Index) -> NDArray[np.float64]:
        """[U] how many of the entries keep each unit."""
        total = np.zeros(self.identity.units)
        for start in range(0, len(indices), BLOCK):
            total += self.masks(indices[start : start + BLOCK]).sum(0)
        return total

    def split(self, values: NDArray[Any]) -> dict[str, Tensor]:
        """[U] values by layer."""
        return by_layer(self.identity, values)

    def similarity(self, prototypes: Tensor, indices: Index) -> NDArray[np.float64]:
        """[n] prototype cosine with a target of class means [w, D], at most 1: see `maskbank.bank.signatures`."""
        cosines = self.signatures[0].cosines(self.checked(prototypes))
        ordered = np.sort(cosines, axis=1)

        def corrected(numbers: NDArray[Any]) -> NDArray[np.float64]:
            chance = chance_match(ordered, numbers.shape[1])
            return (mean_best_match(cosines, numbers) - chance) / max(1 - chance, 1e-12)

        return self.each(indices, corrected)

    def label_free(self, prototypes: Tensor, indices: Index) -> NDArray[np.float64]:
        """[n] cosine of the tasks' mean prototypes, for which a target's labels need not be known; centred alike."""
        given = self.checked(prototypes)
        return self.each(indices, lambda numbers: self.signatures[0].label_free(given, numbers))

    def nearest(self, prototypes: Tensor, indices: Index, count: int) -> tuple[Index, NDArray[np.float64]]:
        """The `count` most similar of these entries, best first, with their similarities; equals by position."""
        if count < 1:
            raise InputError(f"count = {count}: expected at least 1")
        similarity = self.similarity(prototypes, indices)
        chosen = np.arange(len(indices))
        if count < len(indices):
            chosen = np.flatnonzero(similarity >= np.partition(similarity, -count)[-count])
        best = chosen[np.argsort(-similarity[chosen], kind="stable")[:count]]
        return indices[best], similarity[best]

    @cached_property
    def signatures(self) -> tuple[Signatures, NDArray[Any]]:
        """The distinct prototypes, and the number of each class's own."""
        place, number = self.columns.distinct_rows("prototype")
        return Signatures(Table(self.columns.parts("prototype_rows"), place)), number

    def each(self, indices: Index, function: Callable[[NDArray[Any]], NDArray[np.float64]]) -> NDArray[np.float64]:
        """[n] of a function of the numbers [n, ways] of distinct prototypes, called for each number of classes."""
        found = np.empty(len(indices))
        for where, positions in self.columns.by_ways(indices):
            found[where] = function(self.signatures[1][positions])
        return found

    def checked(self, prototypes: Tensor) -> NDArray[np.float32]:
        given = prototypes.detach().cpu().float().numpy()
        if given.ndim != 2 or not len(given) or given.shape[1] != self.identity.features:
            raise InputError(f"prototypes of shape {list(given.shape)}: expected [ways, {self.identity.features}]")
        return given
