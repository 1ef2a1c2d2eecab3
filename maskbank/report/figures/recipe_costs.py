"""What recipes cost to train, relative to Adam: a line of panels a model, a panel a kind of cost, a row a recipe."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.facets import Line, facets
from maskbank.report.marks import DASHED, SOFT, Interval, intervals
from maskbank.report.order import in_model_order, in_recipe_order
from maskbank.report.run import Run
from maskbank.report.style import look
from maskbank.report.venues import Venue
from maskbank.report.words import model_words
from maskbank.statistics.models import GROUP
from maskbank.statistics.recipe_costs import KINDS

ORDER = 140
TITLE = "Cost of recipes relative to Adam"
CAPTION = (
    "Cost of training relative to Adam with the same seed; medians of n = {n} seeds, bars from least to most, no interval, "
    "no test."
)
NOTES = (
    "Multiply-adds are counted; CPU seconds are those of the training loop, compared inside one machine class only. "
    "Dashed: 1 and 2 times Adam. The claim on cost has a test."
)
ALT = "Dot plots of the cost of each pretraining recipe relative to Adam, in multiply-adds, CPU seconds and steps."
WORDS = {"macs": "multiply-adds", "seconds": "CPU seconds", "steps": "steps"}


def read(run: Run) -> pd.DataFrame:
    costs = run.pretraining.costs
    return in_model_order(costs[costs.n > 0])


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    names = in_recipe_order(data.recipe)

    def panel(axes: Axes, rows: pd.DataFrame) -> None:
        for level in (1, 2):
            axes.axvline(level, color=SOFT, linewidth=0.8, linestyle=DASHED)
        marks = [
            Interval(row["recipe"], row["median"], row["low"], row["high"], look(row["recipe"]), f"{row['median']:.2f}")
            for row in rows.to_dict("records")
        ]
        intervals(axes, marks, names, at=None)
        axes.set_xlim(0, max(axes.get_xlim()[1], 1.1 * np.nanmax([2.0, *rows.high])))

    lines = []
    for _, group in data.groupby(GROUP, sort=False):
        panels = [(f"{WORDS[kind]}, of Adam's", group[group.cost_of == kind]) for kind in KINDS]
        lines.append(Line(model_words(group.iloc[0]), panels, 0.2 * max(len(names), 2) + 0.6))
    return facets(venue, lines, panel, width=2.05, most=3, share_x=True)
