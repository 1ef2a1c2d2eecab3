"""Forest of rank correlations of similarity with overlap and accuracy: a row of panels a setting, a panel a similarity."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.facets import Line, facets
from maskbank.report.marks import Interval, intervals
from maskbank.report.run import Run
from maskbank.report.venues import Venue
from maskbank.report.words import SIMILARITY_WORDS, outcome_word, relation_words, similarity_word
from maskbank.statistics.correlation import ABOVE_CHANCE, ACCURACY, BY_LAYER, MEASURED, OVERLAP, RELATION

ORDER = 270
TITLE = "What similarity is related to"
CAPTION = (
    "Rank correlation of similarity with overlap and accuracy; means over n = {n} splits, bars 95 % bootstrap intervals; no "
    "test."
)
NOTES = (
    "Spearman's, over the entries of a bank inside each target: with mask overlap (blue; pale: in one layer, drawn for the "
    "first bank by name of each model, the others are in the table) and with the "
    "accuracy that a target reaches with that entry's mask (orange). Last panel: of overlap itself with accuracy. The "
    "bootstrap draws splits, then tasks. Hollow: fewer than 6 splits, the bar is a t-interval. Nothing is corrected: "
    "many bars are shown."
)
ALT = "Forest plots of rank correlation with intervals, one panel a similarity, one row an outcome."
TINTS = {OVERLAP: "#0072B2", ABOVE_CHANCE: "#0072B2", BY_LAYER: "#56B4E9", ACCURACY: "#D55E00"}


def read(run: Run) -> pd.DataFrame:
    """What is known; of single layers those of the first bank by name of each data set, backbone and recipe."""
    data = run.correlations
    first = data.bank == data.groupby(RELATION[:3]).bank.transform("min")
    return data[data.correlation.notna() & (~data.outcome.str.startswith(f"{BY_LAYER}@") | first)]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    columns = [name for name in SIMILARITY_WORDS if name in set(data.similarity)]
    lines = []
    for labels, group in data.groupby(RELATION, sort=True):
        order = list(dict.fromkeys(group.outcome))
        panels = [(similarity_word(name), (group[group.similarity == name], order)) for name in columns]
        lines.append(Line(relation_words(labels), panels, 0.24 * len(order) + 0.6))
    return facets(venue, lines, panel, width=2.2, most=len(columns), share_x=True, xlabel="rank correlation")


def panel(axes: Axes, given: tuple[pd.DataFrame, list[str]]) -> None:
    group, order = given
    marks = [
        Interval(
            row["outcome"], row["correlation"], row["ci_low"], row["ci_high"],
            {"color": TINTS[row["outcome"].partition("@")[0]], "marker": "o"}, hollow=row["status"] != MEASURED,
        )
        for row in group.to_dict("records")
    ]  # fmt: skip
    intervals(axes, marks, order, words=outcome_word)
    axes.set(xlim=(-1.05, 1.05), xticks=[-1, -0.5, 0, 0.5, 1])
