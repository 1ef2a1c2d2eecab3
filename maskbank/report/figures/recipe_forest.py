"""Forest plot of recipes minus Adam: a group of panels a model, dense models first, then a panel a kind of compression."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.facets import Line, facets
from maskbank.report.marks import Interval, intervals
from maskbank.report.order import in_model_order, in_recipe_order
from maskbank.report.panels import in_points
from maskbank.report.recipes import PART, UNCORRECTED
from maskbank.report.run import Run
from maskbank.report.style import look
from maskbank.report.venues import Venue
from maskbank.report.words import BN_WORDS, KIND_WORDS, model_words
from maskbank.statistics.contrast import TESTED
from maskbank.statistics.recipes import DENSE, KINDS
from maskbank.statistics.studies.compression import MEAN

ORDER = 110
TITLE = "Recipes against Adam"
CAPTION = "Recipe minus Adam in points; n = {n} seeds, bars 95 % t-intervals; at the right p, paired t-test, Holm."
NOTES = (
    "Paired by pretraining seed; means over the points of each kind of compression at which both were run. "
    f"{UNCORRECTED}. Hollow: no test, as seeds are fewer than 6 or blocks incomplete. Grey: ± {{margin}} points, the margin "
    "of equivalence. The panels before compression are the same for each form."
)
ALT = "Forest plots of the difference of each pretraining recipe to Adam, one panel a kind of compression."


def read(run: Run) -> pd.DataFrame:
    means = run.pretraining.contrasts
    means = means[means.level == MEAN]
    shown = in_model_order(means[means.difference.notna()])
    return shown if (shown.kind != DENSE).any() else shown.iloc[:0]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    names = in_recipe_order(data.recipe)

    def panel(axes: Axes, rows: pd.DataFrame) -> None:
        marks = []
        for row in rows.to_dict("records"):
            tested = row["status"] == TESTED
            said = f"{row['p_holm']:.3f}" if tested else ""
            marks.append(Interval(row["recipe"], *in_points(row), look(row["recipe"]), said, not tested))
        intervals(axes, marks, names, equal=100 * run.margin)

    height, parts = 0.2 * max(len(names), 2) + 0.8, data[data.kind != DENSE].groupby(PART, sort=False)
    lines = [Line(model_words(group.iloc[0][PART]), panels_of(group, data), height) for _, group in parts]
    return facets(venue, lines, panel, width=1.95, xlabel="recipe minus Adam (points)")


def panels_of(group: pd.DataFrame, every: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Titles and rows: the dense models, then each kind and BN handling in order."""
    first = group.iloc[0]
    dense = every[(every.kind == DENSE) & (every[PART[:3]] == list(first[PART[:3]])).all(axis=1)]
    panels = [(KIND_WORDS[DENSE], dense)] if len(dense) else []
    kinds = sorted(set(zip(group.kind, group.bn, strict=True)), key=lambda each: (KINDS.index(each[0]), each[1]))
    for kind, bn in kinds:
        words = "\n".join([KIND_WORDS[kind], *([BN_WORDS[bn]] if bn in BN_WORDS else [])])
        panels.append((words, group[(group.kind == kind) & (group.bn == bn)]))
    return panels
