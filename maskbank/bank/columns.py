"""The arrays of several packs seen as those of one, whose entries come in the order of their ids, each once."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskbank.bank.pack import Pack
from maskbank.bank.table import Index, Table, distinct


class Columns:
    """What is small is joined in memory when first asked for (not where there is one pack); the rest stays in the files."""

    def __init__(self, packs: Sequence[Pack]) -> None:
        self.packs = packs
        self.place, _ = distinct(self.parts("ids"))
        self.ids = Table(self.parts("ids"), self.place)

    def __len__(self) -> int:
        return len(self.ids)

    def parts(self, name: str) -> list[NDArray[Any]]:
        return [pack.arrays[name] for pack in self.packs]

    def table(self, name: str) -> Table:
        """An array with one row an entry."""
        return Table(self.parts(name), self.place)

    @cached_property
    def places(self) -> Index:
        """[N] where each entry lies in all packs one after another."""
        return np.arange(len(self)) if self.place is None else self.place

    @cached_property
    def classes(self) -> NDArray[np.int32]:
        """Labels of all entries of all packs, one after another; so lies everything that has one row a class."""
        return Table(self.parts("classes")).whole()

    @cached_property
    def first(self) -> Index:
        """[N] where the classes of each entry begin."""
        return Table([offsets[:-1] for offsets in self.shifted("offsets", "classes")], self.place).whole()

    @cached_property
    def ways(self) -> Index:
        """[N] how many classes each entry has."""
        return Table([np.diff(offsets) for offsets in self.parts("offsets")], self.place).whole()

    @cached_property
    def dataset_names(self) -> list[str]:
        return sorted({name for pack in self.packs for name in pack.datasets})

    @cached_property
    def datasets(self) -> Index:
        """[N] numbers of `dataset_names`."""
        numbers = [np.array([self.dataset_names.index(name) for name in pack.datasets]) for pack in self.packs]
        parts = [number[part] for number, part in zip(numbers, self.parts("dataset"), strict=True)]
        return Table(parts, self.place).whole()

    def shifted(self, name: str, counted: str) -> list[NDArray[Any]]:
        """An array of numbers that count rows of another, as numbers of rows of all packs one after another."""
        shifts = Table(self.parts(counted)).starts[:-1]
        return [part + shift if shift else part for part, shift in zip(self.parts(name), shifts, strict=True)]

    def distinct_rows(self, kind: str) -> tuple[Index | None, NDArray[Any]]:
        """Of heads or prototypes: the place of each distinct row in the order of their hashes, and each class's own."""
        place, number = distinct(self.parts(f"{kind}_ids"))
        index = Table(self.shifted(f"{kind}_index", f"{kind}_ids")).whole()
        return place, index if number is None else number[index]

    def by_ways(self, indices: Index) -> Iterator[tuple[Index | slice, Index]]:
        """Entries of one number of classes at a time: which of `indices`, and [n, ways] where their classes lie."""
        ways = self.ways[indices]
        present = np.flatnonzero(np.bincount(ways))
        for count in present:
            where = slice(None) if len(present) == 1 else np.flatnonzero(ways == count)
            yield where, self.first[indices[where]][:, None] + np.arange(count)

    def touched(self, classes: Sequence[int]) -> NDArray[np.bool_]:
        """[N] whether an entry has one of these labels."""
        labels = np.isin(self.classes, list(classes))
        touched = np.zeros(len(self), dtype=bool)
        for where, positions in self.by_ways(np.arange(len(self))):
            for column in positions.T:
                touched[where] |= labels[column]
        return touched
