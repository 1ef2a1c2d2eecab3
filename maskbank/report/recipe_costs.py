"""What recipes cost to train, relative to Adam, as a figure."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskbank.report.frames import Line, panel_lines
from maskbank.report.order import in_model_order, in_recipe_order
from maskbank.report.style import Drawing, colour, label, marker
from maskbank.report.venues import Venue
from maskbank.report.words import model_words, number_range
from maskbank.statistics.nets import GROUP
from maskbank.statistics.recipe_costs import KINDS

WORDS = {"macs": "multiply-adds", "seconds": "CPU seconds", "steps": "steps"}


def recipe_costs_figure(costs: pd.DataFrame) -> Drawing:
    """From `relative_costs`: a line of panels a backbone and stop, a panel a kind of cost, a row a recipe."""
    shown = in_model_order(costs[costs.n > 0])
    names = in_recipe_order(shown.recipe)

    def draw(venue: Venue) -> Figure:
        lines = [
            Line(
                model_words(group.iloc[0]),
                [(f"{WORDS[kind]}, of Adam's", group[group.cost_of == kind]) for kind in KINDS],
                0.2 * max(len(names), 2) + 0.6,
            )
            for _, group in shown.groupby(GROUP, sort=False)
        ]
        return panel_lines(
            venue, lines, lambda axes, rows: cost_panel(axes, rows, names), width=2.05, most=3, share_x=True
        )

    caption = (
        f"Cost of training relative to Adam with the same seed; medians of n = {number_range(shown.n)} seeds, bars from least to "
        "most, no interval, no test."
    )
    notes = (
        "Multiply-adds are counted; CPU seconds are those of the training loop, compared inside one machine class only. "
        "Dashed: 1 and 2 times Adam. The claim on cost has a test."
    )
    alt = "Dot plots of the cost of each pretraining recipe relative to Adam, in multiply-adds, CPU seconds and steps."
    return Drawing("recipe_costs", "Cost of recipes relative to Adam", caption, notes, alt, shown, draw)


def cost_panel(axes: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    for level in (1, 2):
        axes.axvline(level, color="#888888", linewidth=0.8, linestyle=(0, (4, 3)))
    for row in rows.to_dict("records"):
        height, tint = names.index(row["recipe"]), colour(row["recipe"])
        axes.plot([row["low"], row["high"]], [height, height], color=tint, linewidth=1.6)
        axes.plot([row["median"]], [height], color=tint, marker=marker(row["recipe"]), markersize=4.5)
        axes.annotate(
            f"{row['median']:.2f}", (1.01, height), xycoords=("axes fraction", "data"), va="center", fontsize="small"
        )
    most = np.nanmax([2.0, *rows.high]) if len(rows) else 2.0
    axes.set_xlim(left=0)
    if axes.get_xlim()[1] < 1.1 * most:
        axes.set_xlim(0, 1.1 * most)
    axes.set_yticks(range(len(names)), [label(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
