"""Forest plots of differences: headlines, task splits and ablations."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskbank.report.frames import Key, Line, panel_lines
from maskbank.report.settings import by_setting
from maskbank.report.style import Drawing, colour, label, marker
from maskbank.report.venues import Venue
from maskbank.report.words import number_range
from maskbank.statistics.comparisons import BY_TASK_SPLIT, HEADLINE
from maskbank.statistics.contrast import TESTED

ACROSS = 3
ROW_HEIGHT = 0.24  # inches
PANEL_WIDTH = 3.6
ZERO, EQUAL = "#555555", "#BBBBBB"
TASK_SPLITS = ("heldout", "unseen", "foreign")
HOLLOW = "Hollow: no test, as blocks are incomplete or splits fewer than 6."


def forest_grid(
    venue: Venue, data: pd.DataFrame, by: str, draw: Callable[[Axes, pd.DataFrame, list[str]], None], xlabel: str,
    row_height: float = ROW_HEIGHT, key: Key = (), at: float = 0,
) -> Figure:  # fmt: skip
    """A panel a setting with a row a name of column `by` and a line `at` no difference; names side by side are the same."""
    runs = groupby(by_setting(data), key=lambda panel: names_in(panel[1], by))
    lines = [Line("", list(run), row_height * max(len(names), 2) + 0.7) for names, run in runs]

    def panel(axes: Axes, group: pd.DataFrame) -> None:
        names = names_in(group, by)
        axes.axvline(at, color=ZERO, linewidth=0.9)
        draw(axes, group, names)
        axes.grid(axis="y", visible=False)
        axes.set_yticks(range(len(names)), [label(name) for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)

    return panel_lines(venue, lines, panel, width=PANEL_WIDTH, most=ACROSS, share_x=True, xlabel=xlabel, key=key)


def names_in(group: pd.DataFrame, key: str) -> list[str]:
    return list(dict.fromkeys(group[key]))


def draw_difference(axes: Axes, row: pd.Series, height: float, name: str) -> None:
    """One difference with its interval, in points; hollow where it was not tested."""
    tint = colour(name)
    face = tint if row.status == TESTED else "white"
    values = [100 * row[key] for key in ("difference", "ci_low", "ci_high")]
    draw_interval(axes, height, values, color=tint, marker=marker(name), markersize=4.5, markerfacecolor=face)


def draw_interval(
    axes: Axes, height: float, values: Sequence[float], capsize: float = 2.5, width: float = 1.5, **look: Any
) -> None:
    """A mark with its interval in a row: `values` are middle, low and high; without an interval the mark alone."""
    middle, low, high = values
    if np.isfinite(low):
        reach = [[middle - low], [high - middle]]
        axes.errorbar([middle], [height], xerr=reach, color=look["color"], capsize=capsize, lw=width)
    axes.plot([middle], [height], **look)


def beside(axes: Axes, height: float, text: str) -> None:
    """Words at the right edge of a row."""
    axes.annotate(text, (1.02, height), xycoords=("axes fraction", "data"), va="center", fontsize="small")


def told(row: pd.Series) -> str:
    """The p of a headline, or why there is none."""
    if row.get("barred"):
        return f"withheld: {row.barred}"
    return f"p = {row.p_holm:.3f}" if row.status == TESTED else str(row.status)


def forest_figure(comparisons: pd.DataFrame, margin: float) -> Drawing:
    """Headline differences to each rival, a panel a setting."""
    shown = comparisons[
        (comparisons.kind == HEADLINE) & comparisons.difference.notna() & (comparisons.role != "reference")
    ]
    shown = shown.drop(columns=["kind", "task_split", "budget_asked", "steps"])
    method = label(str(shown.method.iloc[0])) if len(shown) else "method"

    def panel(axes: Axes, group: pd.DataFrame, rivals: list[str]) -> None:
        axes.axvspan(-100 * margin, 100 * margin, color=EQUAL, alpha=0.35, lw=0)
        for _, row in group.iterrows():
            height = rivals.index(row.rival)
            draw_difference(axes, row, height, row.rival)
            beside(axes, height, told(row))

    def draw(venue: Venue) -> Figure:
        return forest_grid(venue, shown, "rival", panel, f"{method} minus rival (points)")

    caption = (
        f"{method} minus each rival and control; n = {number_range(shown.n)} splits, bars 95 % t-intervals; p: exact Wilcoxon "
        "signed-rank, Holm in a setting."
    )
    notes = (
        "In points, mean over the budgets and steps at which both were run (listed in comparisons.csv). The split is the unit; "
        f"Holm is over all headline contrasts of a setting. {HOLLOW} Grey: ± {100 * margin:g} points, the margin of "
        "equivalence."
    )
    alt = f"Forest plot of the difference of {method} to each rival with intervals and corrected p-values."
    return Drawing("forest", f"{method} against each rival", caption, notes, alt, shown, draw)


def task_split_rows(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Contrasts of single task splits; those of another data set stand in the setting of the bank's."""
    data = comparisons[comparisons.kind == BY_TASK_SPLIT].drop(columns=["kind", "budget_asked", "steps"])
    home = data[data.task_split != "foreign"].drop_duplicates(["backbone", "recipe"])
    known = dict(zip(zip(home.backbone, home.recipe, strict=True), home.dataset, strict=True))
    nets = zip(data.backbone, data.recipe, data.dataset, strict=True)
    return data.assign(measured_on=data.dataset, dataset=[known.get(net[:2], net[2]) for net in nets])


def task_split_figure(comparisons: pd.DataFrame) -> Drawing:
    """Differences to each rival apart by task split: a panel a setting, up to three marks a row."""
    data = task_split_rows(comparisons)
    shown = data[data.difference.notna() & (data.role != "reference")]
    kinds = [kind for kind in TASK_SPLITS if kind in set(shown.task_split)]
    method = label(str(shown.method.iloc[0])) if len(shown) else "method"

    def panel(axes: Axes, group: pd.DataFrame, rivals: list[str]) -> None:
        for _, row in group.iterrows():
            apart = 0.24 * (kinds.index(row.task_split) - (len(kinds) - 1) / 2)
            draw_difference(axes, row, rivals.index(row.rival) + apart, row.task_split)
        for rival, own in group.groupby("rival"):
            counts = own.groupby("task_split").n.max()
            beside(axes, rivals.index(str(rival)), "/".join(str(counts.get(kind, "–")) for kind in kinds))

    def draw(venue: Venue) -> Figure:
        key = [
            (label(kind), Line2D([], [], color=colour(kind), marker=marker(kind), linestyle="none")) for kind in kinds
        ]
        return forest_grid(venue, shown, "rival", panel, f"{method} minus rival (points)", row_height=0.36, key=key)

    caption = (
        f"{method} minus each rival, by kind of task; n = {number_range(shown.n)} splits, bars 95 % t-intervals; the tests are "
        "in the table by task split."
    )
    notes = (
        "In points, mean over the budgets and steps at which both were run. Target classes that the backbone saw (held out), "
        f"that it did not see (unseen), and of another data set than the bank's (foreign). {HOLLOW} At the right: n, splits of "
        f"each kind ({', '.join(map(label, kinds))}). The headlines pool held out and unseen; apart, these contrasts describe."
    )
    alt = f"Forest plot of the difference of {method} to each rival, apart by held out, unseen and foreign tasks."
    return Drawing("by_task_split", f"{method} against each rival, by task split", caption, notes, alt, shown, draw)
