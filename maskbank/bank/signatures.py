"""How near tasks are by their signatures: the class means (prototypes) of the dense model's features.

Our reading; the paper's text was not at hand. Features after a ReLU share a large mean, which would make every cosine
nearly 1, so that rows are centred by the mean of the bank's distinct prototypes. Of each target class the best match
among the entry's classes counts, because a task is made of classes and the mean over all pairs forgets which. The best
of many classes is high by chance alone, so that the mean best match is corrected for chance as Cohen's kappa is:
1 where the entry holds every class of the target, 0 where it is as near as so many classes of the bank drawn at random.
Among entries of one number of classes this keeps the order; between numbers it makes values comparable.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from maskbank.bank.table import Table

BLOCK = 8192  # rows at a time
SMALLEST = 1e-12


class Signatures:
    """The distinct prototypes of a bank: `rows` [K, D]."""

    def __init__(self, rows: Table) -> None:
        self.rows = rows

    @cached_property
    def centre(self) -> NDArray[np.float64]:
        """[D]"""
        return np.add.reduce([block.sum(0, dtype=np.float64) for block in self.rows.blocks(BLOCK)]) / len(self.rows)

    @cached_property
    def lengths(self) -> NDArray[np.float64]:
        """[K] of the centred rows."""
        return np.concatenate([np.linalg.norm(block - self.centre, axis=1) for block in self.rows.blocks(BLOCK)])

    def directions(self, prototypes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Centred [w, D] at length 1; of length 0 where one is the centre itself."""
        centred = prototypes - self.centre
        return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), SMALLEST)

    def cosines(self, prototypes: NDArray[np.float32]) -> NDArray[np.float32]:
        """[w, K] of each given prototype with each row of the bank."""
        directions = self.directions(prototypes)
        narrow = directions.T.astype(np.float32)
        products = np.concatenate([block @ narrow for block in self.rows.blocks(BLOCK)])
        cosines = (products.T - (directions @ self.centre)[:, None]) / np.maximum(self.lengths, SMALLEST)
        return np.clip(cosines, -1, 1).astype(np.float32)

    def label_free(self, prototypes: NDArray[np.float32], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """[n] cosine of the mean of the given prototypes with the mean of the rows `numbers` [n, ways] of each entry."""
        wanted = self.directions(prototypes.mean(0, keepdims=True, dtype=np.float64))[0]
        step = max(1, BLOCK // numbers.shape[1])
        found = []
        for start in range(0, len(numbers), step):
            part = numbers[start : start + step]
            means = self.rows.take(part.ravel()).reshape(*part.shape, -1).mean(1, dtype=np.float64)
            found.append((self.directions(means) * wanted).sum(1))
        return np.concatenate(found)


def mean_best_match(cosines: NDArray[np.float32], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """[n] mean over the target's classes of the best of the rows `numbers` [n, ways] of each entry."""
    columns = [column.astype(np.intp) for column in numbers.T]
    total = np.zeros(len(numbers))
    for row in cosines:
        best = row[columns[0]]
        for column in columns[1:]:
            np.maximum(best, row[column], out=best)
        total += best
    return total / len(cosines)


def chance_match(ascending: NDArray[np.float32], ways: int) -> float:
    """What `mean_best_match` is on average for `ways` rows drawn at random, with replacement; `ascending` [w, K] is sorted."""
    weights = np.diff(np.linspace(0, 1, ascending.shape[1] + 1) ** ways)
    return float((ascending @ weights).mean())
