"""What figures and tables of recipes share: groups of panels a model, looks, and how contrasts with Adam are read."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from maskbank.report.facets import Line, facets
from maskbank.report.order import FIRST, in_recipe_order
from maskbank.report.style import label, look
from maskbank.report.venues import Venue
from maskbank.report.words import MDE

PART = ["dataset", "backbone", "stop", "form"]  # a group of panels
UNCORRECTED = (
    "Holm over the kinds of compression of one recipe in one setting; nothing is corrected across recipes, and none is "
    "called the best"
)
READING = (
    "Points of accuracy, recipe minus Adam, paired by pretraining seed; n counts seeds. Intervals: 95 % t-interval "
    f"over seeds. p: paired t-test, none below 6 seeds. {MDE}"
)
Groups = list[tuple[str, list[tuple[str, pd.DataFrame]]]]  # title -> panels (title, rows)


def recipe_look(recipe: str, **others: Any) -> dict[str, Any]:
    """How a recipe's line is drawn: Adam and SNT above the others."""
    first = recipe in FIRST
    sizes = (4.2, 2.0, 3) if first else (3.4, 1.1, 2)
    return look(recipe, **dict(zip(("markersize", "linewidth", "zorder"), sizes, strict=True)), **others)


def recipe_panels(
    venue: Venue, groups: Groups, draw: Callable[[Axes, pd.DataFrame], None], data: pd.DataFrame,
    size: tuple[float, float] = (2.05, 1.95), most: int = 6, ylabel: str = "",
) -> Canvas:  # fmt: skip
    """Groups of panels (`size` in inches) under their titles, with one legend of the recipes in `data` below."""
    lines = [Line(title, panels, size[1]) for title, panels in groups]
    key = [(label(name), Line2D([], [], **recipe_look(name))) for name in in_recipe_order(data.recipe)]
    return facets(venue, lines, draw, width=size[0], most=most, key=key, share_y=False, ylabel=ylabel)
