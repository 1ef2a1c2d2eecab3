"""The cells behind a number: columns of cell keys beside means and differences, so that each can be followed to its runs."""

from collections.abc import Iterable

import pandas as pd

CELLS = "cells"  # of the mean, or of the left side of a difference; cells that failed are among them
AGAINST = "cells_against"  # of what it is compared with


def joined(keys: Iterable[str]) -> str:
    """Keys in sorted order without repeats, a space between; of texts that hold several keys, all of them.

    >>> joined(["c1 c0", "c1"])
    'c0 c1'
    """
    return " ".join(sorted(set(" ".join(keys).split())))


def sides(rows: pd.DataFrame, arm: str, left: str, right: str) -> dict[str, str]:
    """The cells of two values of the column `arm`, as columns of the row of a difference."""
    return {column: joined(rows.cell_key[rows[arm] == name]) for column, name in ((CELLS, left), (AGAINST, right))}
