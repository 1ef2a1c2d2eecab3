"""The frame of a figure: lines of panels under their titles, as many side by side as the venue has room for, one legend."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.figure import SubFigure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path

from maskbank.report.venues import MARGIN, Venue

LEGEND_LINE, TITLE_LINE = 0.19, 0.15  # inches
HANDLE = 0.55  # inches that a mark in the legend takes
Key = Sequence[tuple[str, Line2D]]


@dataclass(frozen=True)
class Line:
    """Panels (title, what is drawn) under one title; `height` is that of a row of them in inches, title and axis included."""

    title: str
    panels: Sequence[tuple[str, Any]]
    height: float


def facets(
    venue: Venue, lines: Sequence[Line], draw: Callable[[Axes, Any], None], *, width: float, most: int = 6, key: Key = (),
    share_x: bool = False, share_y: bool = True, xlabel: str = "", ylabel: str = "",
    finish: Callable[[Axes, Any], None] | None = None,
) -> Canvas:  # fmt: skip
    """A subfigure a line and one for the legend; `draw` fills a panel about `width` inches wide, `most` stand side by side.

    With `share_x` all panels have one scale, with `share_y` those of a line. `xlabel` stands below each line, `ylabel` left
    of each row. `finish` is called on the panels of a line once all of them are drawn.
    """
    across = venue.across(max(len(line.panels) for line in lines), width, most)
    alone = sum(len(line.panels) for line in lines) == 1
    wide = venue.wide(width * across + MARGIN, alone=alone)
    titles = [[fitted(title, wide / across - 0.7) for title, _ in line.panels] for line in lines]
    heads = [fitted(line.title, wide - 0.2, "bold") for line in lines]
    heights = [line_height(*each, across) for each in zip(lines, heads, titles, strict=True)]
    columns, rows = legend_shape([name for name, _ in key], wide)
    heights += [LEGEND_LINE * rows + 0.12] if key else []
    figure = Canvas(figsize=(wide, sum(heights)), layout="constrained")
    parts = list(figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])
    first: Axes | None = None
    for part, line, head, named in zip(parts, lines, heads, titles, strict=False):
        grid = part.subplots(-(-len(line.panels) // across), across, squeeze=False, sharey=share_y)
        used = list(grid.flat)[: len(line.panels)]
        for axes in list(grid.flat)[len(used) :]:
            axes.set_axis_off()
        for axes, (_, shown), title in zip(used, line.panels, named, strict=True):
            if share_x and first is not None:
                axes.sharex(first)
            first = first or axes
            draw(axes, shown)
            axes.set_title(title)
            axes.set_xlabel(fitted(axes.get_xlabel(), wide / across - 0.5))
        for axes, (_, shown) in zip(used if finish else (), line.panels, strict=False):
            finish(axes, shown)  # type: ignore[misc]
        for axes in used[::across]:
            axes.set_ylabel(axes.get_ylabel() or ylabel)
        if head:
            part.suptitle(head, x=0.01, ha="left")
        if xlabel:
            part.supxlabel(xlabel)
    if key:
        add_legend(parts[-1], key, columns)
    return figure


def line_height(line: Line, head: str, titles: Sequence[str], across: int) -> float:
    """Inches of a line: its rows, its title, and what titles take that had to be wrapped."""
    rows = -(-len(line.panels) // across)
    extra = max(new.count("\n") - old.count("\n") for new, (old, _) in zip(titles, line.panels, strict=True))
    head_lines = head.count("\n") + 1 if head else 0
    return rows * (line.height + TITLE_LINE * extra) + TITLE_LINE * head_lines + 0.15


def add_legend(part: SubFigure, key: Key, columns: int) -> None:
    names, handles = zip(*key, strict=True)
    part.legend(
        handles, names, loc="center", ncols=columns, handlelength=2.4, columnspacing=1.2, labelspacing=0.3, borderpad=0
    )


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Inches of one line of text in the font of the figure."""
    return measured(text, size, weight, tuple(mpl.rcParams["font.family"]))


@cache
def measured(text: str, size: float, weight: str, families: tuple[str, ...]) -> float:
    font = FontProperties(family=list(families), weight=weight, size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / 72


def fitted(text: str, inches: float, weight: str = "normal") -> str:
    """The text of a title, broken between words into lines that fit."""
    size, found = mpl.rcParams["axes.titlesize"], []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and text_width(longer, size, weight) > inches:
                found.append(line)
                longer = word
            line = longer
        found.append(line)
    return "\n".join(found)


def title_size() -> float:
    """Letters of titles in those of ticks."""
    return float(mpl.rcParams["axes.titlesize"] / mpl.rcParams["ytick.labelsize"])


def legend_shape(names: Sequence[str], width: float) -> tuple[int, int]:
    """Columns and rows of a legend that fits the width in inches."""
    longest = max((text_width(name, mpl.rcParams["legend.fontsize"]) for name in names), default=1.0)
    columns = int(np.clip(width / (longest + HANDLE), 1, max(len(names), 1)))
    return columns, -(-len(names) // columns)
