"""Accuracy, generalization gap and losses of models before compression: a group a model, a panel a measure, a column a recipe."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.marks import points
from maskbank.report.models import SHOWN
from maskbank.report.order import in_model_order, in_recipe_order
from maskbank.report.recipes import recipe_panels
from maskbank.report.run import Run
from maskbank.report.style import colour, look
from maskbank.report.venues import Venue
from maskbank.report.words import model_words
from maskbank.statistics.models import GROUP

ORDER = 130
TITLE = "Accuracy and generalization gap by recipe"
CAPTION = "Models by recipe before compression; marks are means over n = {n} seeds, bars 95 % t-intervals; no test."
NOTES = (
    "Small dots are models. The generalization gap is training minus test accuracy. Training accuracy and loss are measured "
    "in eval mode without augmentation on training images. Models that did not reach the matched training loss are left out."
)
ALT = "Dot plots of test accuracy, generalization gap and losses, one column a pretraining recipe."
WORDS = {
    "accuracy": "test accuracy (points)", "gap": "training − test accuracy\n(points)", "train_loss": "training loss",
    "loss": "test loss",
}  # fmt: skip


def read(run: Run) -> pd.DataFrame:
    """Means of recipes whose gap is known."""
    means = run.pretraining.means
    known = means[(means.measure == "gap") & means["mean"].notna()]
    shown = means.merge(known[[*GROUP, "recipe"]])
    return in_model_order(shown[shown["mean"].notna()])


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    dots = run.pretraining.models
    dots = dots[~dots.excluded]

    def panel(axes: Axes, group: pd.DataFrame) -> None:
        columns(axes, group, dots[(dots[GROUP] == list(group[GROUP].iloc[0])).all(axis=1)])

    groups = []
    for _, group in data.groupby(GROUP, sort=False):
        shown = [name for name in SHOWN if name in set(group.measure)]
        groups.append((model_words(group.iloc[0]), [(WORDS[name], group[group.measure == name]) for name in shown]))
    return recipe_panels(venue, groups, panel, data, size=(2.35, 1.95))


def columns(axes: Axes, group: pd.DataFrame, models: pd.DataFrame) -> None:
    measure = str(group.measure.iloc[0])
    scale, names = SHOWN[measure], in_recipe_order(group.recipe)
    for place, recipe in enumerate(names):
        own, row = models[models.recipe == recipe][measure].dropna(), group[group.recipe == recipe].iloc[0]
        apart = np.linspace(-0.22, 0.22, len(own)) if len(own) > 1 else np.zeros(len(own))
        axes.plot(place + apart, scale * own, ".", color=colour(recipe), markersize=3, alpha=0.5)
        points(axes, [place], [scale * row["mean"]], look(recipe, markersize=5, elinewidth=1.4), scale * row.half_width)
    axes.set_xticks([])
    axes.set_xlim(-0.6, len(names) - 0.4)
