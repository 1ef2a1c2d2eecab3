"""The loss around minima: lines along one direction, contours over two."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from maskbank.report.frames import Line, panel_lines
from maskbank.report.order import in_model_order, in_recipe_order
from maskbank.report.recipes import look, recipe_panels
from maskbank.report.style import Drawing, label
from maskbank.report.venues import Venue
from maskbank.report.words import model_words
from maskbank.statistics.nets import GROUP

ACROSS = 5
LEVELS, COLOURS = 9, "viridis_r"
WHAT = (
    "Directions are random and filter-normalised (Li et al. 2018); nets are of the first seed alone, so that this is a view, "
    "not a measurement."
)


def line_figure(data: pd.DataFrame) -> Drawing:
    """Loss along one direction: a panel a backbone and stop, a line a recipe."""
    names = in_recipe_order(data.recipe)
    panels = [(model_words(group.iloc[0]), group) for _, group in in_model_order(data).groupby(GROUP, sort=False)]

    def panel(axes: Axes, group: pd.DataFrame) -> None:
        for recipe in in_recipe_order(group.recipe)[::-1]:
            own = group[group.recipe == recipe].sort_values("x")
            axes.plot(own.x, own.loss, **look(recipe) | {"marker": ""})
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("distance (filter norms)")
        axes.set_ylabel("loss")

    def draw(venue: Venue) -> Figure:
        return recipe_panels(venue, [("", panels)], panel, names, size=(2.9, 2.3), most=4)

    caption = "Training loss along one direction from each minimum, one line a recipe; n = 1 net a recipe, no interval, no test."
    alt = "Line plots of the loss along one direction through the minimum of each pretraining recipe."
    return Drawing("landscape_line", "Loss along one direction", caption, WHAT, alt, data, draw)


def plane_figure(data: pd.DataFrame) -> Drawing:
    """Contours of the loss over two directions: a group a backbone and stop, a panel a recipe, the same levels in a group."""
    groups = [group for _, group in in_model_order(data).groupby(GROUP, sort=False)]

    def draw(venue: Venue) -> Figure:
        scales = [levels_of(group) for group in groups]
        lines = [
            Line(model_words(group.iloc[0]), plane_panels(group, levels), 1.7)
            for group, levels in zip(groups, scales, strict=True)
        ]
        figure = panel_lines(venue, lines, plane_panel, width=1.75, most=ACROSS, share_x=True)
        for part, levels in zip(figure.subfigs, scales, strict=True):
            bar = part.colorbar(ScalarMappable(LogNorm(levels[0], levels[-1]), COLOURS), ax=part.axes, label="loss")
            ticks = [levels[0], levels[LEVELS // 2], levels[-1]]
            bar.ax.yaxis.set_minor_locator(NullLocator())
            bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
        return figure

    caption = (
        "Loss over two directions from each minimum (+), a panel a recipe; n = 1 net a recipe, no interval, no test."
    )
    notes = f"The levels are the same in all panels of a group and rise by equal factors. {WHAT}"
    alt = "Contour plots of the loss around the minimum of each pretraining recipe."
    return Drawing("landscape", "Loss over two directions", caption, notes, alt, data, draw)


def levels_of(group: pd.DataFrame) -> np.ndarray:
    positive = group.loss[(group.loss > 0) & np.isfinite(group.loss)]
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else (0.1, 1.0)
    return np.geomspace(low, max(high, 1.01 * low), LEVELS)


def plane_panels(group: pd.DataFrame, levels: np.ndarray) -> list[tuple[str, tuple[pd.DataFrame, np.ndarray]]]:
    return [(label(name), (group[group.recipe == name], levels)) for name in in_recipe_order(group.recipe)]


def plane_panel(axes: Axes, given: tuple[pd.DataFrame, np.ndarray]) -> None:
    rows, levels = given
    own = rows.pivot_table(index="y", columns="x", values="loss")
    if min(own.shape) > 1:
        values = own.clip(levels[0], levels[-1]).to_numpy(float)
        axes.contourf(own.columns, own.index, values, levels=levels, cmap=COLOURS, norm=LogNorm(levels[0], levels[-1]))
        axes.contour(own.columns, own.index, values, levels=levels, colors="white", linewidths=0.4)
    axes.plot([0], [0], "+", color="black", markersize=5)
    axes.set_aspect("equal")
    axes.grid(visible=False)
