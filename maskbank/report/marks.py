"""Marks: what is drawn inside a panel. Each takes numbers and looks, and knows of no study."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.image import AxesImage
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from maskbank.report.style import label

ZERO, EQUAL, SOFT = "#555555", "#BBBBBB", "#888888"
DASHED = (0, (4, 3))
DENSITY, DENSITY_TICKS = (PowerNorm(0.5, 0, 1), "BuPu"), [0, 0.1, 0.5, 1]  # norm and colours of densities of layers
Look = Mapping[str, Any]  # keywords of a line: colour, marker, width, ...
Numbers = Sequence[float] | np.ndarray | pd.Series


@dataclass(frozen=True)
class Interval:
    """A mark with its interval in the row of a name; without an interval (NaN) the mark alone.

    `said` stands at the right edge of the row, `hollow` says that nothing was tested, `shift` moves the mark off the middle of
    its row.
    """

    row: str
    middle: float
    low: float
    high: float
    look: Look = field(default_factory=dict)
    said: str = ""
    hollow: bool = False
    shift: float = 0.0


def intervals(
    axes: Axes, given: Sequence[Interval], names: Sequence[str], *, words: Callable[[str], str] = label,
    at: float | None = 0.0, equal: float = 0.0,
) -> None:  # fmt: skip
    """A row a name, the first on top, with a line `at` no difference and in grey what counts as `equal` about it."""
    if equal:
        axes.axvspan(-equal, equal, color=EQUAL, alpha=0.35, lw=0)
    if at is not None:
        axes.axvline(at, color=ZERO, linewidth=0.9)
    for mark in given:
        row = names.index(mark.row)
        look = {"markersize": 4.5, "zorder": 3, **mark.look, **({"markerfacecolor": "white"} if mark.hollow else {})}
        if np.isfinite(mark.low):
            reach = [[mark.middle - mark.low], [mark.high - mark.middle]]
            axes.errorbar([mark.middle], [row + mark.shift], xerr=reach, color=look["color"], capsize=2.5, lw=1.5)
        axes.plot([mark.middle], [row + mark.shift], **look)
        if mark.said:
            beside(axes, row, mark.said)
    axes.set_yticks(range(len(names)), [words(name) for name in names])
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)


def beside(axes: Axes, height: float, text: str) -> None:
    """Words at the right edge of a row."""
    axes.annotate(text, (1.02, height), xycoords=("axes fraction", "data"), va="center", fontsize="small")


def curve(
    axes: Axes, x: Numbers, y: Numbers, look: Look, low: Numbers | None = None, high: Numbers | None = None
) -> None:
    """A line, with a band from low to high where they are given."""
    axes.plot(x, y, **look)
    if low is not None and high is not None:
        axes.fill_between(x, low, high, color=look["color"], alpha=0.13, lw=0)


def level(axes: Axes, y: float, look: Look, width: float = 0.0) -> None:
    """A horizontal line with a band about it: what others are seen against."""
    axes.axhline(y, **look)
    axes.axhspan(y - width, y + width, color=look["color"], alpha=0.08, lw=0)


def points(axes: Axes, x: Numbers, y: Numbers, look: Look, reach: Numbers | float | None = None) -> None:
    """Marks without a line, with vertical bars of this reach."""
    own = {"linestyle": "none", "capsize": 2, "elinewidth": 0.9, **look}
    axes.errorbar(x, y, yerr=None if reach is None else np.nan_to_num(reach), **own)


def heat(
    axes: Axes, values: pd.DataFrame, norm: Normalize, colours: str, texts: np.ndarray | None = None,
    bold: np.ndarray | None = None, size: str = "x-small", turned: float = 0.0,
) -> AxesImage:  # fmt: skip
    """Cells [rows, columns] coloured by their values, in each its text, white on what is dark; `texts`, `bold` as `values`.

    Names of columns are turned by so many degrees.
    """
    slanted: dict[str, Any] = {"rotation": turned, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    shown = values.to_numpy(float)
    image = axes.imshow(shown, cmap=colours, norm=norm, aspect="auto")
    light = image.to_rgba(shown)[..., :3] @ (0.2126, 0.7152, 0.0722)
    for (row, column), text in np.ndenumerate(texts if texts is not None else np.empty((0, 0))):
        ink = "white" if np.isfinite(shown[row, column]) and light[row, column] < 0.45 else "black"
        weight = "bold" if bold is not None and bold[row, column] else "normal"
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=ink, fontweight=weight)
    axes.set_xticks(range(len(values.columns)), values.columns, **slanted)
    axes.set_yticks(range(len(values)), values.index)
    axes.grid(visible=False)
    return image


def spans(axes: Axes, rows: pd.DataFrame, names: Sequence[str], total: float, norm: Normalize, colours: str) -> None:
    """A timeline: a row a name, in it rectangles from start to end coloured by value; `rows` have name, start, end, value."""
    edges = np.unique(np.concatenate([[0.0, total], rows.start.to_numpy(float), rows.end.to_numpy(float)]))
    values = np.full((len(names), len(edges) - 1), np.nan)
    for row in rows.to_dict("records"):
        inside = slice(*np.searchsorted(edges, [row["start"], row["end"]]))
        values[names.index(row["name"]), inside] = row["value"]
    axes.pcolormesh(edges, np.arange(len(names) + 1) - 0.5, values, cmap=colours, norm=norm, rasterized=True)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, total)
    axes.grid(visible=False)


def missing(axes: Axes, text: str) -> None:
    """What a panel says that has nothing to show."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=ZERO)


def ticks(axis: Axis, places: Sequence[float], words: Callable[[float], str] = lambda value: f"{value:g}") -> None:
    """Ticks at these places and no others."""
    axis.set_major_locator(FixedLocator(list(places)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(ticks_of(words))
    axis.set_minor_formatter(NullFormatter())


def ticks_of(words: Callable[[float], str]) -> FuncFormatter:
    """What ticks say of their values."""
    return FuncFormatter(lambda value, _: words(value))


def logarithmic(axes: Axes) -> None:
    """A logarithmic y axis with plain numbers at 1, 2 and 5 of each decade."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
