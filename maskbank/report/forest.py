"""Forest plots of differences: headlines, task splits and ablations."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskbank.report.panels import NO_TRANSFER
from maskbank.report.settings import by_setting
from maskbank.report.style import Drawing, colour, empty_panel, house_style, label, marker
from maskbank.report.tables import number_range
from maskbank.statistics.comparisons import BY_TASK_SPLIT, HEADLINE
from maskbank.statistics.contrast import TESTED

Panel = tuple[str, pd.DataFrame]

ACROSS = 3
ROW_HEIGHT = 0.24  # inches
PANEL_WIDTH = 3.9
ZERO, EQUAL = "#555555", "#BBBBBB"
TASK_SPLITS = ("heldout", "unseen", "foreign")
SETTLED = (
    "Bars: 95 % percentile bootstrap (splits, then tasks), below 6 splits a t-interval over splits. Hollow: no test, as "
    "blocks are incomplete or splits fewer than 6."
)


def forest_grid(
    data: pd.DataFrame, key: str, draw: Callable[[Axes, pd.DataFrame, list[str]], None], xlabel: str, nothing: str,
    row_height: float = ROW_HEIGHT,
) -> Figure:  # fmt: skip
    """A panel a setting with a row a name of column `key`, three across. Panels side by side have the same names."""
    lines = list(side_by_side(by_setting(data), key))
    across = max((len(panels) for panels in lines), default=1)
    heights = [row_height * max(len(names_in(panels[0][1], key)), 2) + 0.75 for panels in lines]
    figure = Figure(
        figsize=(PANEL_WIDTH * max(across, 1.3) + 0.6, sum(heights) + 0.1 if lines else 2.6), layout="constrained"
    )
    if not lines:
        empty_panel(figure, nothing)
        return figure
    grid = figure.subplots(
        len(lines), across, squeeze=False, sharex=True, sharey="row", gridspec_kw={"height_ratios": heights}
    )
    for row, panels in zip(grid, lines, strict=True):
        names = names_in(panels[0][1], key)
        for axes, (title, group) in zip(row, panels, strict=False):
            axes.axvline(0, color=ZERO, linewidth=0.9)
            draw(axes, group, names)
            axes.set_title(fill(title, 46), loc="left", fontsize=8.5)
            axes.tick_params(labelbottom=True)
            axes.grid(axis="y", visible=False)
        row[0].set_yticks(range(len(names)), [label(name) for name in names])
        row[0].set_ylim(len(names) - 0.5, -0.5)
        for axes in row[len(panels) :]:
            axes.set_axis_off()
    figure.supxlabel(xlabel, fontsize=9)
    return figure


def names_in(group: pd.DataFrame, key: str) -> list[str]:
    return list(dict.fromkeys(group[key]))


def side_by_side(panels: list[Panel], key: str) -> Iterator[list[Panel]]:
    """Runs of panels with the same names, at most ACROSS of them."""
    for _, run in groupby(panels, key=lambda panel: names_in(panel[1], key)):
        yield from (list(part) for part in batched(run, ACROSS))


def batched(items: Iterable[Panel], size: int) -> Iterator[tuple[Panel, ...]]:
    """Tuples of at most `size` items."""
    iterator = iter(items)
    while part := tuple(islice(iterator, size)):
        yield part


def draw_difference(axes: Axes, row: pd.Series, height: float, name: str) -> None:
    """One difference with its interval, in points; hollow where it was not tested."""
    tint = colour(name)
    middle, low, high = (100 * row[key] for key in ("difference", "ci_low", "ci_high"))
    if np.isfinite(low):
        axes.errorbar([middle], [height], xerr=[[middle - low], [high - middle]], color=tint, capsize=2.5, lw=1.5)
    face = tint if row.status == TESTED else "white"
    axes.plot([middle], [height], color=tint, marker=marker(name), markersize=4.5, markerfacecolor=face)


def beside(axes: Axes, height: float, text: str) -> None:
    """Words at the right edge of a row."""
    axes.annotate(text, (1.02, height), xycoords=("axes fraction", "data"), va="center", fontsize=7.5)


def forest_figure(comparisons: pd.DataFrame, margin: float) -> Drawing:
    """Headline differences to each rival, a panel a setting."""
    data = comparisons[comparisons.kind == HEADLINE].drop(columns=["kind", "task_split", "budget_asked", "steps"])
    shown = data[data.difference.notna() & (data.role != "reference")]
    method = label(str(shown.method.iloc[0])) if len(shown) else "method"

    def draw(axes: Axes, group: pd.DataFrame, rivals: list[str]) -> None:
        axes.axvspan(-100 * margin, 100 * margin, color=EQUAL, alpha=0.35, lw=0)
        for _, row in group.iterrows():
            height = rivals.index(row.rival)
            draw_difference(axes, row, height, row.rival)
            beside(axes, height, f"p = {row.p_holm:.3f}" if row.status == TESTED else row.status)

    with house_style():
        figure = forest_grid(shown, "rival", draw, f"{method} minus rival (points)", NO_TRANSFER)
    caption = (
        f"{method} minus each rival and control, in points, mean over the budgets and steps at which both were run (listed "
        f"in comparisons.csv); n = {number_range(shown.n)} splits. "
        f"{SETTLED} p: exact Wilcoxon signed-rank over splits, Holm over "
        f"all headline contrasts of a setting. Grey: ± {100 * margin:g} points, the margin of equivalence."
    )
    alt = f"Forest plot of the difference of {method} to each rival with intervals and corrected p-values."
    return Drawing("forest", f"{method} against each rival", caption, alt, data, figure)


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

    def draw(axes: Axes, group: pd.DataFrame, rivals: list[str]) -> None:
        for _, row in group.iterrows():
            apart = 0.24 * (kinds.index(row.task_split) - (len(kinds) - 1) / 2)
            draw_difference(axes, row, rivals.index(row.rival) + apart, row.task_split)
        for rival, own in group.groupby("rival"):
            counts = own.groupby("task_split").n.max()
            beside(axes, rivals.index(str(rival)), "/".join(str(counts.get(kind, "–")) for kind in kinds))

    with house_style():
        figure = forest_grid(shown, "rival", draw, f"{method} minus rival (points)", NO_TRANSFER, row_height=0.36)
        if kinds:
            handles = [Line2D([], [], color=colour(kind), marker=marker(kind), linestyle="none") for kind in kinds]
            names = [label(kind) for kind in kinds]
            figure.legend(handles, names, loc="outside upper right", ncols=len(kinds))
    caption = (
        f"{method} minus each rival and control, in points, apart by task split: target classes that the backbone saw "
        "(held out), that it did not see (unseen), and of another data set than the bank's (foreign). Mean over the budgets "
        f"and steps at which both were run. {SETTLED} At the right: n, splits of each kind ({', '.join(map(label, kinds))}). "
        "The headlines pool held out and unseen; apart, these contrasts describe."
    )
    alt = f"Forest plot of the difference of {method} to each rival, apart by held out, unseen and foreign tasks."
    return Drawing("by_task_split", f"{method} against each rival, by task split", caption, alt, data, figure)
