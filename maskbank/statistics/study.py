"""A study: one question put to the records, as data that `maskbank.statistics.contrasts` works through."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from maskbank.config import Params
from maskbank.statistics.axes import Axes
from maskbank.statistics.contrast import POINTS
from maskbank.statistics.tables import Tables

Arms = Sequence[tuple[str, str]]  # (arm, baseline)
Row = dict[str, Any]


@dataclass(frozen=True)
class Level:
    """One way of looking at a setting: its rows that agree on `within`, and Holm over contrasts that agree on `family`."""

    name: str
    within: tuple[str, ...]
    family: tuple[str, ...]
    shows_not_run: bool = False  # arms without a common point are listed too


def parts(rows: pd.DataFrame, keys: Sequence[str], *, sort: bool = True) -> Iterator[tuple[Row, pd.DataFrame]]:
    """Rows that agree on the keys, with their labels; all rows where there are no keys."""
    if not keys:
        yield {}, rows
        return
    for names, group in rows.groupby(list(keys), sort=sort, observed=True):
        yield dict(zip(keys, names, strict=True)), group


def none_excluded(tables: Tables) -> pd.DataFrame:
    return pd.DataFrame()


def all_rivals(tables: Tables) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Study:
    """Where the rows of a question come from, what is set against what, and what Holm corrects over.

    `rows` gives each setting with its rows: the columns of `axes`, `status` and `cell_key`. `excluded` has a row a unit that
    enters no contrast (labels, the arm, `unit`): it is counted, and not missing. `chosen` takes of the rows of two arms those
    that compare. `roles` are those of arms, a rival where they
    do not say. `beside` gives more columns of a contrast from the rows of its two sides, or `lacks`: in words, what refuses the
    test. `finish` sees the contrasts of one part of a setting together. `relative`: scores are relative to the baseline
    already, which has no rows of its own.
    """

    axes: Axes
    levels: tuple[Level, ...]
    rows: Callable[[Tables], Iterable[tuple[Row, pd.DataFrame]]]
    against: Callable[[pd.DataFrame, Params], Arms]
    excluded: Callable[[Tables], pd.DataFrame] = none_excluded
    roles: Callable[[Tables], Mapping[str, str]] = all_rivals
    chosen: Callable[[pd.DataFrame, pd.DataFrame], tuple[pd.DataFrame, pd.DataFrame]] | None = None
    beside: Callable[[pd.DataFrame, pd.DataFrame], Row] | None = None
    finish: Callable[[list[Row]], list[Row]] = list
    scale: str = POINTS
    relative: bool = False
    shown: tuple[str, ...] = ()  # further columns of the table of contrasts that this study fills
