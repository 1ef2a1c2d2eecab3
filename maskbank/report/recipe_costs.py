"""What recipes cost to train, relative to Adam, as a figure."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskbank.report.recipe_words import in_net_order, in_recipe_order, net_words
from maskbank.report.style import Drawing, colour, empty_panel, house_style, label, marker
from maskbank.report.tables import number_range
from maskbank.statistics.nets import GROUP
from maskbank.statistics.recipe_costs import KINDS

NO_COSTS = "no recipe has a cost beside Adam's"
WORDS = {"macs": "multiply-adds", "seconds": "CPU seconds", "steps": "steps"}


def recipe_costs_figure(costs: pd.DataFrame) -> Drawing:
    """From `relative_costs`: a line of panels a backbone and stop, a panel a kind of cost, a row a recipe."""
    shown = in_net_order(costs[costs.n > 0])
    lines = [group for _, group in shown.groupby(GROUP, sort=False)]
    names = in_recipe_order(shown.recipe)
    height = 0.2 * max(len(names), 2) + 0.8
    with house_style():
        figure = Figure(figsize=(7.6, height * len(lines) + 0.1 if lines else 2.6), layout="constrained")
        if not lines:
            empty_panel(figure, NO_COSTS)
        for part, group in zip(
            figure.subfigures(len(lines), 1, squeeze=False)[:, 0] if lines else [], lines, strict=True
        ):
            part.suptitle(net_words(group.iloc[0]), x=0.01, ha="left", fontsize=9, fontweight="bold")
            panels = part.subplots(1, len(KINDS), squeeze=False, sharey=True, sharex=True)[0]
            for axes, kind in zip(panels, KINDS, strict=True):
                cost_panel(axes, group[group.cost_of == kind], names)
                axes.set_title(f"{WORDS[kind]}, of Adam's", fontsize=8)
            panels[0].set_yticks(range(len(names)), [label(name) for name in names])
            panels[0].set_ylim(len(names) - 0.5, -0.5)
    caption = (
        f"Cost of training relative to Adam with the same seed, n = {number_range(shown.n)} seeds: marks are medians, bars run "
        "from the least to the most. Multiply-adds are counted; CPU seconds are those of the training loop, compared inside "
        "one machine class only. Dashed: 1 and 2 times Adam. No test is drawn: the claim on cost has one."
    )
    alt = "Dot plots of the cost of each pretraining recipe relative to Adam, in multiply-adds, CPU seconds and steps."
    return Drawing("recipe_costs", "Cost of recipes relative to Adam", caption, alt, costs, figure)


def cost_panel(axes: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    for level in (1, 2):
        axes.axvline(level, color="#888888", linewidth=0.8, linestyle=(0, (4, 3)))
    for row in rows.to_dict("records"):
        height, tint = names.index(row["recipe"]), colour(row["recipe"])
        axes.plot([row["low"], row["high"]], [height, height], color=tint, linewidth=1.6)
        axes.plot([row["median"]], [height], color=tint, marker=marker(row["recipe"]), markersize=4.5)
        axes.annotate(
            f"{row['median']:.2f}", (1.01, height), xycoords=("axes fraction", "data"), va="center", fontsize=7
        )
    most = np.nanmax([2.0, *rows.high]) if len(rows) else 2.0
    axes.set_xlim(left=0)
    if axes.get_xlim()[1] < 1.1 * most:
        axes.set_xlim(0, 1.1 * most)
    axes.grid(axis="y", visible=False)
