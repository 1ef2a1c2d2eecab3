"""The loss around minima: lines along one direction, contours over two."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from maskbank.report.recipe_words import in_net_order, in_recipe_order, net_words
from maskbank.report.recipes import grouped_panels, look
from maskbank.report.style import Drawing, empty_panel, house_style, label
from maskbank.statistics.nets import GROUP

NO_LANDSCAPE = "no loss landscape was measured"
ACROSS = 5
LEVELS = 9
WHAT = (
    "Directions are random and filter-normalised (Li et al. 2018); nets of the first seed alone, so that this is a view, not a "
    "measurement: no interval, no test, n = 1 net a recipe."
)


def line_figure(data: pd.DataFrame) -> Drawing:
    """Loss along one direction: a panel a backbone and stop, a line a recipe."""
    names = in_recipe_order(data.recipe)
    panels = [(net_words(group.iloc[0]), group) for _, group in in_net_order(data).groupby(GROUP, sort=False)]

    def draw(axes: Axes, group: pd.DataFrame) -> None:
        for recipe in in_recipe_order(group.recipe)[::-1]:
            own = group[group.recipe == recipe].sort_values("x")
            axes.plot(own.x, own.loss, **look(recipe) | {"marker": ""})
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("distance (filter norms)")
        axes.set_ylabel("loss")

    with house_style():
        figure = grouped_panels([("", panels)] if panels else [], draw, names, NO_LANDSCAPE, size=(2.9, 2.4), most=4)
    caption = f"Loss on training images along one direction from each minimum, one line a recipe. {WHAT}"
    alt = "Line plots of the loss along one direction through the minimum of each pretraining recipe."
    return Drawing("landscape_line", "Loss along one direction", caption, alt, data, figure)


def plane_figure(data: pd.DataFrame) -> Drawing:
    """Contours of the loss over two directions: a group a backbone and stop, a panel a recipe, the same levels in a group."""
    groups = [group for _, group in in_net_order(data).groupby(GROUP, sort=False)]
    across = min(max((group.recipe.nunique() for group in groups), default=1), ACROSS)
    heights = [1.75 * -(-group.recipe.nunique() // across) + 0.35 for group in groups]
    with house_style():
        size = (1.7 * max(across, 3) + 0.9, sum(heights) if groups else 2.6)
        figure = Figure(figsize=size, layout="constrained")
        if not groups:
            empty_panel(figure, NO_LANDSCAPE)
        else:
            parts = figure.subfigures(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
            for part, group in zip(parts, groups, strict=True):
                plane_panels(part, group, across)
    caption = (
        "Loss on training images over two directions from each minimum (+), one panel a recipe; the levels are the same in all "
        f"panels of a group and rise by equal factors. {WHAT}"
    )
    alt = "Contour plots of the loss around the minimum of each pretraining recipe."
    return Drawing("landscape", "Loss over two directions", caption, alt, data, figure)


def plane_panels(part: FigureBase, group: pd.DataFrame, across: int) -> None:
    part.suptitle(net_words(group.iloc[0]), x=0.01, ha="left", fontsize=9, fontweight="bold")
    names = in_recipe_order(group.recipe)
    positive = group.loss[(group.loss > 0) & np.isfinite(group.loss)]
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else (0.1, 1.0)
    levels = np.geomspace(low, max(high, 1.01 * low), LEVELS)
    filled = None
    grid = part.subplots(-(-len(names) // across), across, squeeze=False, sharex=True, sharey=True)
    for axes, recipe in zip(grid.flat, names, strict=False):
        own = group[group.recipe == recipe].pivot_table(index="y", columns="x", values="loss")
        if min(own.shape) > 1:
            filled = axes.contourf(
                own.columns, own.index, own.clip(low, high).to_numpy(float), levels=levels, cmap="viridis_r", norm="log"
            )
            lines = own.clip(low, high).to_numpy(float)
            axes.contour(own.columns, own.index, lines, levels=levels, colors="white", linewidths=0.4)
        axes.plot([0], [0], "+", color="black", markersize=5)
        axes.set_title(label(recipe), fontsize=8)
        axes.set_aspect("equal")
        axes.grid(visible=False)
    for axes in list(grid.flat)[len(names) :]:
        axes.set_axis_off()
    if filled is not None:
        ticks = [levels[0], levels[LEVELS // 2], levels[-1]]
        bar = part.colorbar(filled, ax=grid, ticks=ticks, label="loss")
        bar.ax.set_yticklabels([f"{tick:.2g}" for tick in ticks])
