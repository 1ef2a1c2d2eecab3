"""Loss along one direction from each minimum: a panel a model, a line a recipe."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.marks import curve, logarithmic
from maskbank.report.order import in_model_order, in_recipe_order
from maskbank.report.recipes import recipe_look, recipe_panels
from maskbank.report.run import Run
from maskbank.report.venues import Venue
from maskbank.report.words import model_words
from maskbank.statistics.models import GROUP

ORDER = 150
TITLE = "Loss along one direction"
CAPTION = "Training loss along one direction from each minimum, one line a recipe; n = 1 model a recipe, no interval, no test."
NOTES = (
    "Directions are random and filter-normalised (Li et al. 2018); models are of the first seed alone, so that this is a view, "
    "not a measurement."
)
ALT = "Line plots of the loss along one direction through the minimum of each pretraining recipe."


def read(run: Run) -> pd.DataFrame:
    return run.pretraining.line


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    panels = [(model_words(group.iloc[0]), group) for _, group in in_model_order(data).groupby(GROUP, sort=False)]
    return recipe_panels(venue, [("", panels)], panel, data, size=(2.9, 2.3), most=4)


def panel(axes: Axes, group: pd.DataFrame) -> None:
    for recipe in in_recipe_order(group.recipe)[::-1]:
        own = group[group.recipe == recipe].sort_values("x")
        curve(axes, own.x, own.loss, recipe_look(recipe) | {"marker": ""})
    logarithmic(axes)
    axes.set_xlabel("distance (filter norms)")
    axes.set_ylabel("loss")
