"""How a table stands in print: rows under the title of their group, columns that fit the line, numbers under each other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress, groupby
from typing import TypeVar

from maskbank.report.table import Cell, Table

WIDTH, HEIGHT = 397.0, 650.0  # points of the text block that sizes are chosen for: 5.5 by 9 inches
PORTRAIT, LANDSCAPE = False, True
SIZES = ((PORTRAIT, 9.0), (PORTRAIT, 8.0), (PORTRAIT, 7.0), (LANDSCAPE, 8.0), (LANDSCAPE, 7.0), (LANDSCAPE, 6.0))
T = TypeVar("T")
BLANK = "\u00a0"
NARROW, BROAD = f"iljtf.,:;'|()[] {BLANK}", "mw%+±−=≈×→<>"
BROADER = {9.0: 1.04, 8.0: 1.08, 7.0: 1.15, 6.0: 1.24}  # small letters are drawn broader, to be read
GAP = 0.8  # em between columns
WRAPPED = 7.0  # em that a column of words keeps, if its words are not wider
NUMBER = re.compile(r"(?P<sign>(?:≥ |[+−])?)(?P<whole>[\d,]+)")
GLUE = re.compile(r" (?=[±%≈†‡✗(])|(?<=[±≥]) ")  # spaces at which no line is broken
UNBROKEN = 8.0  # em of a cell with a number that is not broken at all


@dataclass(frozen=True)
class Entry:
    """A cell: `pad` is as wide as what its number lacks before the decimal point, and is not seen."""

    text: str
    best: bool = False
    pad: str = ""


@dataclass(frozen=True)
class Group:
    """Rows under a title; without one, the title is empty."""

    title: str
    rows: tuple[tuple[Entry, ...], ...]

    @property
    def filled(self) -> tuple[bool, ...]:
        """[columns]: where any row has text."""
        return tuple(any(entry.text for entry in column) for column in zip(*self.rows, strict=True))


@dataclass(frozen=True)
class Layout:
    """One table: `widths` are fractions of the line, one a column, gaps included; `size` is that of the letters in points."""

    head: tuple[str, ...]
    groups: tuple[Group, ...]
    widths: tuple[float, ...]
    size: float
    landscape: bool


def ems(text: str, bold: bool = False) -> float:
    """About how wide a text is, in em; rather too wide than too narrow."""
    narrow = sum(each in NARROW for each in text)
    broad = sum(each in BROAD or each.isupper() for each in text)
    return (1.13 if bold else 1.0) * (0.53 * len(text) - 0.23 * narrow + 0.32 * broad)


def layouts(table: Table) -> list[Layout]:
    """A table with rows as one table, or where that is too wide for a page as one for each set of columns that groups fill.

    What rows have together becomes the title of a group where groups have several rows.
    """
    grouped = [(key, list(rows)) for key, rows in groupby(table.rows, lambda row: row[: table.together])]
    titled = table.together < len(table.head) and 0 < 2 * len(grouped) <= len(table.rows)
    first = table.together if titled else 0
    columns = [aligned(column) for column in turned(table.rows, len(table.head))[first:]]
    lines, groups = list(zip(*columns, strict=True)), []
    for key, rows in grouped if titled else [((), list(table.rows))]:
        own, lines = lines[: len(rows)], lines[len(rows) :]
        title = "; ".join(told(name, cell.text) for name, cell in zip(table.head, key, strict=False))
        groups.append(Group(title, tuple(own)))
    whole = fitted(table.head[first:], groups)
    if not whole.landscape:
        return [whole]
    parts = [(filled, list(own)) for filled, own in groupby(groups, lambda group: group.filled)]
    return [fitted(table.head[first:], own, filled) for filled, own in parts]


def turned(rows: Sequence[tuple[T, ...]], count: int) -> list[tuple[T, ...]]:
    """Columns of rows; of no rows so many empty ones."""
    return list(zip(*rows, strict=True)) if rows else [()] * count


def told(name: str, text: str) -> str:
    """A cell that stands without its column: a number needs the name of it."""
    return f"{name} {text}" if text[:1].isdigit() else text


def aligned(column: Sequence[Cell]) -> list[Entry]:
    """Cells that begin with a number, padded to the longest sign and whole part among them; the others as they are."""
    found = [NUMBER.match(cell.text) for cell in column]
    signs = max((match["sign"] for match in found if match), key=len, default="")
    digits = max((match["whole"] for match in found if match), key=len, default="")
    entries = []
    for cell, match in zip(column, found, strict=True):
        text = cell.text.replace(" ", BLANK) if match and ems(cell.text) <= UNBROKEN else GLUE.sub(BLANK, cell.text)
        pad = (signs if not match["sign"] else "") + digits[: len(digits) - len(match["whole"])] if match else ""
        entries.append(Entry(text, cell.best, pad))
    return entries


def fitted(head: Sequence[str], groups: Sequence[Group], filled: Sequence[bool] = ()) -> Layout:
    """The largest letters at which no word is wider than its column; of the room that is left, wide columns get more."""
    filled = filled or [True] * len(head)
    head = tuple(GLUE.sub(BLANK, name) for name in compress(head, filled))
    groups = [Group(group.title, tuple(tuple(compress(row, filled)) for row in group.rows)) for group in groups]
    columns = turned([row for group in groups for row in group.rows], len(head))
    whole = [max((ems(each.pad + each.text, each.best) for each in column), default=0.0) for column in columns]
    least = [
        max(min(wide, WRAPPED), widest_word(column, name))
        for wide, column, name in zip(whole, columns, head, strict=True)
    ]
    asked = [max(wide, few) for wide, few in zip(whole, least, strict=True)]
    for landscape, size in SIZES:
        line = (HEIGHT if landscape else WIDTH) / (size * BROADER[size])
        room = line - GAP * len(columns) - sum(least)
        if room >= 0:
            break
    wanted = sum(asked) - sum(least)
    share = 1.0 if room >= wanted else max(room / wanted, 0.0) if wanted else 0.0
    wide = [few + share * (more - few) + GAP for few, more in zip(least, asked, strict=True)]
    over = max(1.0, sum(wide) / line)
    return Layout(head, tuple(groups), tuple(round(each / line / over, 4) for each in wide), size, landscape)


def widest_word(column: Sequence[Entry], name: str) -> float:
    words = [ems(word, each.best) for each in column for word in (each.pad + each.text).split(" ")]
    return max([*words, *(ems(word) for word in name.split(" "))])
