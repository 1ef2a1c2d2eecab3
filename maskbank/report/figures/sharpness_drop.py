"""Sharpness against what compression costs: a group a model, a row a measure, a column a kind of compression, a dot a model."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.marks import points
from maskbank.report.order import in_model_order, in_recipe_order
from maskbank.report.recipes import PART, recipe_panels
from maskbank.report.run import Run
from maskbank.report.style import look
from maskbank.report.venues import Venue
from maskbank.report.words import (
    BN_WORDS,
    HOW_FAR,
    KIND_WORDS,
    correlation_text,
    measure_words,
    model_words,
    number_range,
)
from maskbank.statistics.flatness import by_measure
from maskbank.statistics.recipes import KINDS

ORDER = 120
TITLE = "Sharpness against what compression costs"
CAPTION = (
    "Sharpness against the drop by compression, a dot a model, n = {n} models a panel; intervals of r are in the table; "
    "no test."
)
NOTES = (
    "The drop is dense accuracy minus the mean accuracy after a kind of compression. r: rank correlation, pooled over models "
    f"and within recipes. {HOW_FAR} Of models compressed as trained and folded, or with BN handled in two ways, those as "
    "trained and with BN re-estimated are drawn; the others are in the table."
)
ALT = "Scatter plots of the accuracy lost by compression against sharpness, one dot a model, coloured by recipe."
SHORT = {"activations": "W and A quantized"}  # a panel is narrow
PANEL = [*PART, "bn", "kind", "measure"]


def read(run: Run) -> pd.DataFrame:
    return in_model_order(one_form(run.pretraining.dropped))


def one_form(paired: pd.DataFrame) -> pd.DataFrame:
    """Rows of models as trained and with re-estimated BN; of others where these were not run."""
    for keys, column, usual in (([*PART[:3]], "form", "trained"), ([*PART, "kind"], "bn", "reestimated")):
        if len(paired):
            first = paired.groupby(keys)[column].transform(
                lambda values, usual=usual: usual if usual in set(values) else min(values)
            )
            paired = paired[paired[column] == first]
    return paired


def words(run: Run, data: pd.DataFrame) -> dict[str, str]:
    return {"n": number_range(run.pretraining.correlated.n)}


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    numbers = {tuple(row[name] for name in PANEL): row for row in run.pretraining.correlated.to_dict("records")}

    def titled(own: pd.DataFrame) -> tuple[str, pd.DataFrame]:
        first = own.iloc[0]
        kind, row = first.kind, numbers[tuple(first[name] for name in PANEL)]
        bn = f", {BN_WORDS[first.bn]}" if first.bn in BN_WORDS else ""
        pooled, within = (correlation_text(row[name]) for name in ("pooled", "within"))
        return f"{SHORT.get(kind, KIND_WORDS[kind])}{bn}\nr {pooled} pooled, {within} within", own

    groups = [
        (model_words(group.iloc[0][PART]), list(map(titled, panels_of(group))))
        for _, group in data.groupby(PART, sort=False)
    ]
    kinds = max(group.kind.nunique() for _, group in data.groupby(PART))
    return recipe_panels(venue, groups, panel, data, size=(2.05, 2.0), most=kinds)


def panels_of(group: pd.DataFrame) -> list[pd.DataFrame]:
    """Rows of a panel each, measure by measure, kinds in their order in each."""
    kinds, measures = sorted(set(group.kind), key=KINDS.index), sorted(set(group.measure), key=by_measure)
    found = [group[(group.kind == kind) & (group.measure == measure)] for measure in measures for kind in kinds]
    return [own for own in found if len(own)]


def panel(axes: Axes, own: pd.DataFrame) -> None:
    for recipe in in_recipe_order(own.recipe)[::-1]:
        rows = own[own.recipe == recipe]
        points(axes, rows.value, 100 * rows["drop"], look(recipe, markersize=3.6, alpha=0.8))
    if (own.value > 0).all() and own.value.max() > 5 * own.value.min():
        axes.set_xscale("log")
    axes.set_xlabel(measure_words(own.measure.iloc[0]))
    axes.set_ylabel("drop (points)")
