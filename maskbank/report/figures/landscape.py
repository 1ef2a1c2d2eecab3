"""Contours of the loss over two directions: a group a model, a panel a recipe, the same levels in a group."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullLocator

from maskbank.report.facets import Line, facets
from maskbank.report.figures.landscape_line import NOTES as WHAT
from maskbank.report.order import in_model_order, in_recipe_order
from maskbank.report.run import Run
from maskbank.report.style import label
from maskbank.report.venues import Venue
from maskbank.report.words import model_words
from maskbank.statistics.models import GROUP

ORDER = 160
TITLE = "Loss over two directions"
CAPTION = (
    "Loss over two directions from each minimum (+), a panel a recipe; n = 1 model a recipe, no interval, no test."
)
NOTES = f"The levels are the same in all panels of a group and rise by equal factors. {WHAT}"
ALT = "Contour plots of the loss around the minimum of each pretraining recipe."
LEVELS, COLOURS = 9, "viridis_r"


def read(run: Run) -> pd.DataFrame:
    return run.pretraining.plane


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    groups = [group for _, group in in_model_order(data).groupby(GROUP, sort=False)]
    scales, lines = [levels_of(group) for group in groups], []
    for group, levels in zip(groups, scales, strict=True):
        names = in_recipe_order(group.recipe)
        panels = [(label(name), (group[group.recipe == name], levels)) for name in names]
        lines.append(Line(model_words(group.iloc[0]), panels, 1.7))
    figure = facets(venue, lines, panel, width=1.75, most=5, share_x=True)
    for part, levels in zip(figure.subfigs, scales, strict=True):
        bar = part.colorbar(ScalarMappable(LogNorm(levels[0], levels[-1]), COLOURS), ax=part.axes, label="loss")
        ticks = [levels[0], levels[LEVELS // 2], levels[-1]]
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
    return figure


def levels_of(group: pd.DataFrame) -> np.ndarray:
    positive = group.loss[(group.loss > 0) & np.isfinite(group.loss)]
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else (0.1, 1.0)
    return np.geomspace(low, max(high, 1.01 * low), LEVELS)


def panel(axes: Axes, given: tuple[pd.DataFrame, np.ndarray]) -> None:
    rows, levels = given
    own = rows.pivot_table(index="y", columns="x", values="loss")
    if min(own.shape) > 1:
        values = own.clip(levels[0], levels[-1]).to_numpy(float)
        axes.contourf(own.columns, own.index, values, levels=levels, cmap=COLOURS, norm=LogNorm(levels[0], levels[-1]))
        axes.contour(own.columns, own.index, values, levels=levels, colors="white", linewidths=0.4)
    axes.plot([0], [0], "+", color="black", markersize=5)
    axes.set_aspect("equal")
    axes.grid(visible=False)
