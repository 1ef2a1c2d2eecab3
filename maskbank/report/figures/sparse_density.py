"""Density of each layer after sparse training: a panel a setting, layer by method."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure as Canvas

from maskbank.report.facets import fitted
from maskbank.report.marks import DENSITY, DENSITY_TICKS, heat
from maskbank.report.order import in_method_order, in_setup_order, layer_order
from maskbank.report.run import Run
from maskbank.report.style import label
from maskbank.report.venues import Venue
from maskbank.report.words import focus_words

ORDER = 210
TITLE = "Density of layers after sparse training"
CAPTION = "Density of each prunable layer after training, in percent; means over n = {n} seeds; no interval, no test."
NOTES = (
    "One column a method. Under allocation uniform all layers have the same density by rule. Layers that stay dense are not "
    "shown."
)
ALT = "Heat maps of final density, layer by method of sparse training."
ROW, MOST_NAMES = 0.14, 40  # inches of a layer; layers, above which numbers are left out


def read(run: Run) -> pd.DataFrame:
    return in_setup_order(run.sparse.ends[run.sparse.ends.role != "reference"])


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    keys = ["dataset", "backbone", "setup", "pattern", "allocation"]
    groups = [group for _, group in data.groupby(keys, sort=False)]
    wide = venue.wide(0.52 * max(group.method.nunique() for group in groups) + 2.6)
    rows = [ROW * group.layer.nunique() + 1.0 for group in groups]
    figure = Canvas(figsize=(wide, max(sum(rows), 2.6)), layout="constrained")
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=rows)[:, 0]
    for axes, group in zip(panels, groups, strict=True):
        panel(axes, group)
        axes.set_title(fitted(focus_words(group), wide - 1.5), loc="left")
    figure.colorbar(ScalarMappable(*DENSITY), ax=list(panels), ticks=DENSITY_TICKS, label="density", aspect=40)
    return figure


def panel(axes: Axes, group: pd.DataFrame) -> None:
    names, layers = in_method_order(group), layer_order(group.layer)
    table = group.pivot_table(index="layer", columns="method", values="density").reindex(index=layers, columns=names)
    words = np.array([["" if np.isnan(each) else f"{100 * each:.3g}" for each in row] for row in table.to_numpy(float)])
    heat(axes, table.rename(columns=label), *DENSITY, words if len(layers) <= MOST_NAMES else None, turned=30)
    axes.tick_params(axis="y", labelsize="x-small")
