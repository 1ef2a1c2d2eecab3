"""Which methods of a column the best one does not clearly exceed: a description beside a mean, no test."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from maskbank.statistics.effects import half_width
from maskbank.statistics.paired import DECIMALS


def near_best(scores: ArrayLike) -> NDArray[np.bool_]:
    """[methods, units] -> [methods]: whether the 95 % t-interval of the best minus this one, paired by unit, reaches 0.

    `scores` are means of each method in each unit (split or seed), NaN where a unit is incomplete. The best is the highest
    mean of what is known, and is not near itself. Nothing is near where the best is incomplete or units are fewer than 2,
    and no method is that is incomplete. The interval is of each pair alone: a board's tie groups, over a whole setting, are
    what is tested (`maskbank.statistics.groups`).

    >>> near_best([[0.80, 0.90, 0.70], [0.81, 0.87, 0.70], [0.50, 0.60, 0.41]])
    array([False,  True, False])
    """
    table = np.asarray(scores, dtype=float)
    near = np.zeros(len(table), dtype=bool)
    known = ~np.isnan(table)
    if not known.any() or table.shape[1] < 2:
        return near
    sums, counts = np.where(known, table, 0.0).sum(axis=1), known.sum(axis=1)
    best = int(np.argmax(np.where(counts > 0, sums / np.maximum(counts, 1), -np.inf)))
    for row in range(len(table)):
        gaps = np.round(table[best] - table[row], DECIMALS)
        if row != best and not np.isnan(gaps).any():
            near[row] = gaps.mean() <= half_width(float(gaps.std(ddof=1)), len(gaps))
    return near


def ties(
    rows: pd.DataFrame, column: list[str], arm: list[str], unit: list[str], value: str = "accuracy"
) -> set[tuple[object, ...]]:
    """(*column, *arm) of each arm that is near the best of its column.

    `rows` are any number for an arm and unit. The first of `unit` is the unit; inside it the mean is over the next, and so on.
    A unit in which an arm has fewer of what comes next in `unit` (or else rows) than another of its column, or a row without
    `value`, is incomplete.
    """
    found: set[tuple[object, ...]] = set()
    keys = [*column, *arm]
    inner = rows.drop_duplicates([*keys, *unit[:2]]) if len(unit) > 1 else rows
    sizes = inner.groupby([*keys, unit[0]]).size().unstack(unit[0])
    while len(unit) > 1:
        rows = rows.groupby([*keys, *unit])[value].mean(skipna=False).reset_index()
        unit = unit[:-1]
    scores = rows.groupby([*keys, unit[0]])[value].mean(skipna=False).unstack(unit[0])
    for _, own in sizes.groupby(level=list(range(len(column)))):
        ran = own.loc[:, own.notna().any()]
        table = scores.loc[ran.index, ran.columns].where(ran == ran.max())
        found |= set(ran.index[near_best(table.to_numpy(float))])
    return found
