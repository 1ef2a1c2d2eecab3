"""Rows of several arrays seen as one: arrays stay where they lie (memory-mapped files), rows are copied when asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]


@dataclass(frozen=True)
class Table:
    """`parts`: arrays with rows of one shape. Row i is row `place[i]` of all parts one after another; None: row i."""

    parts: Sequence[NDArray[Any]]
    place: Index | None = None

    @cached_property
    def starts(self) -> Index:
        """[parts + 1] where each part begins."""
        return offsets_of(np.array([len(part) for part in self.parts]))

    def __len__(self) -> int:
        return int(self.starts[-1]) if self.place is None else len(self.place)

    def locate(self, index: int) -> tuple[int, int]:
        """The part that holds a row, and its place there."""
        place = int(index if self.place is None else self.place[index])
        part = int(np.searchsorted(self.starts, place, side="right")) - 1
        return part, place - int(self.starts[part])

    def take(self, index: Index) -> NDArray[Any]:
        """Copies of some rows."""
        place = index if self.place is None else self.place[index]
        if len(self.parts) == 1:
            return np.take(self.parts[0], place, axis=0)
        part = np.searchsorted(self.starts, place, side="right") - 1
        by_part = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[by_part], np.arange(len(self.parts) + 1))
        rows = np.empty((len(place), *self.parts[0].shape[1:]), self.parts[0].dtype)
        for number in np.unique(part):
            chosen = by_part[ends[number] : ends[number + 1]]
            rows[chosen] = self.parts[number][place[chosen] - self.starts[number]]
        return rows

    def whole(self) -> NDArray[Any]:
        """All rows; no copy where they lie in one part."""
        return self.parts[0] if self.place is None and len(self.parts) == 1 else self.take(np.arange(len(self)))

    def blocks(self, size: int) -> Iterator[NDArray[Any]]:
        """All rows, `size` at a time."""
        for start in range(0, len(self), size):
            if self.place is None and len(self.parts) == 1:
                yield self.parts[0][start : start + size]
            else:
                yield self.take(np.arange(start, min(start + size, len(self))))


def offsets_of(counts: Index) -> Index:
    """[n + 1] where each of these runs begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(counts)])


def distinct(parts: Sequence[NDArray[np.uint8]]) -> tuple[Index | None, Index | None]:
    """The distinct ids of all parts, ascending: where each first lies, and for each row the number of its id.

    Both are None where the rows are distinct and ascending as they lie. Ids are [n, 16] bytes.
    """
    halves = [part.reshape(-1, 16).view(">u8") for part in parts]
    if len(halves) == 1 and ascending(halves[0]):
        return None, None
    high, low = (np.concatenate([half[:, column] for half in halves]).astype(np.uint64) for column in (0, 1))
    order = np.lexsort((low, high))
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (high[order][1:] != high[order][:-1]) | (low[order][1:] != low[order][:-1])
    number = np.empty(len(order), dtype=np.int64)
    number[order] = np.cumsum(fresh) - 1
    return order[fresh], number


def ascending(halves: NDArray[Any]) -> bool:
    """Whether ids, each two numbers, strictly ascend."""
    (high, low), (next_high, next_low) = halves[:-1].T, halves[1:].T
    return bool(((next_high > high) | ((next_high == high) & (next_low > low))).all())
