"""Tables by name: a file in `tables` declares one, and nothing else lists it.

The file defines `ORDER` (its place on the page), `TITLE`, `CAPTION`, `read(run)`, which returns the numbers (the csv), and
`columns(run, data)`: the head of each column with what it says of a row. Rows are those of `read`, or what the function
`rows(run, data)` of the file returns: a table with a row each, or whatever its columns understand. Rows with the same first
`TOGETHER` cells belong together. The two texts may name `{method}`, `{alpha}` and `{margin}`, and whatever the function
`words(run, data)` of the file returns, if it has one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from maskbank.registry import Registry
from maskbank.report.style import label
from maskbank.report.words import number_range

if TYPE_CHECKING:
    from maskbank.report.run import Run

TABLES = Registry("table", "columns", ("report.tables",))
DAGGER, TIED = "†", "≈"
MARKED = f"{DAGGER}: the budget achieved misses the one asked by more than 0.5 %. ✗: cells that did not end ok."


@dataclass(frozen=True)
class Cell:
    text: str
    best: bool = False


Columns = Mapping[str, Callable[[Any], str | Cell]]  # head of a column -> what it says of a row


@dataclass(frozen=True)
class Table:
    """A table to read (`head`, `rows`) and its numbers (`data`, one row a cell).

    Rows with the same first `together` cells belong together.
    """

    name: str
    title: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    data: pd.DataFrame
    together: int = 1


def table(name: str, run: "Run") -> Table:
    """The table that a file declares, over a run."""
    module = TABLES.module(name)
    data = module.read(run)
    words = {"method": label(run.params.compare.method), "alpha": f"{run.alpha:g}", "margin": f"{100 * run.margin:g}"}
    words |= module.words(run, data) if hasattr(module, "words") else {}
    columns: Columns = module.columns(run, data)
    rows = module.rows(run, data) if hasattr(module, "rows") else data
    rows = rows.to_dict("records") if isinstance(rows, pd.DataFrame) else rows
    lines = tuple(tuple(cell(say(row)) for say in columns.values()) for row in rows)
    title, caption = (text.format_map(words) for text in (module.TITLE, module.CAPTION))
    return Table(name, title, caption, tuple(columns), lines, data, module.TOGETHER)


def tables(run: "Run") -> list[Table]:
    return [table(name, run) for name in in_order(TABLES)]


def in_order(registry: Registry) -> list[str]:
    """Names in the order that their files ask for."""
    return sorted(registry.names(), key=lambda name: (registry.constant(name, "ORDER"), name))


def cell(said: str | Cell) -> Cell:
    return said if isinstance(said, Cell) else Cell(said)


def across(names: Mapping[str, tuple[str, Any]], say: Callable[[pd.Series], str | Cell]) -> Columns:
    """Columns (head -> a label and its value) of rows that are groups: what is said of the row with that value, or nothing."""

    def at(column: str, value: Any) -> Callable[[pd.DataFrame], str | Cell]:
        def of(group: pd.DataFrame) -> str | Cell:
            here = group[group[column] == value]
            return say(here.iloc[0]) if len(here) else ""

        return of

    return {head: at(*given) for head, given in names.items()}


def first(say: Callable[[pd.Series], str]) -> Callable[[pd.DataFrame], str]:
    """The same of the first row of a group."""
    return lambda group: say(group.iloc[0])


def groups_of(data: pd.DataFrame, keys: Sequence[str], sort: bool = True) -> list[pd.DataFrame]:
    return [group for _, group in data.groupby(list(keys), sort=sort)]


def counts(group: pd.DataFrame) -> str:
    """The range of n in a group."""
    return number_range(group.n)


def bold(among: str, units: str) -> str:
    """What bold and the sign of a tie mean, for a caption."""
    return (
        f"Bold: highest mean of {among}. {TIED}: the 95 % t-interval of its difference to that one, paired over {units}, holds "
        f"0; not marked where cells are missing or {units} fewer than 2. Bold and {TIED} describe and are no test."
    )


def marks(row: pd.Series) -> str:
    """What is said of a mean after its numbers."""
    found = [TIED] if row.tied else []
    found += [DAGGER] if row.off_budget else []
    found += [f"✗{row.failed}"] if row.failed else []
    return "".join(f" {mark}" for mark in found)
