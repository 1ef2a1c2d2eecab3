"""Accuracy after compression: a group of panels a model, a panel a kind, method and BN handling, a line a recipe."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.records.schema import NONE
from maskbank.report.marks import curve
from maskbank.report.order import FIRST, in_model_order, in_recipe_order
from maskbank.report.panels import MANY
from maskbank.report.recipes import PART, recipe_look, recipe_panels
from maskbank.report.run import Run
from maskbank.report.style import label
from maskbank.report.venues import Venue
from maskbank.report.words import BN_WORDS, KIND_WORDS, Row, model_words, width_words
from maskbank.statistics.effects import half_width
from maskbank.statistics.models import matched
from maskbank.statistics.recipes import KINDS, POINT, SETTING, compressed

ORDER = 100
TITLE = "Accuracy after compression, by recipe"
CAPTION = "Accuracy after one-shot compression by recipe; points are means over n = {n} seeds, bands 95 % t-intervals; no test."
NOTES = (
    "Nothing is fine-tuned. The leftmost points are the models before compression. {bands}Recipes share seeds, so that bands "
    "that overlap do not show equality; the paired tests are in the forest of recipes. Models that did not reach the matched "
    "training loss are left out."
)
ALT = "Line plots of accuracy against sparsity and bits, one line a pretraining recipe, panels by kind of compression."
CURVES = [*SETTING, "kind", *POINT, "recipe", "n", "failed", "accuracy", "sd", "half_width", "dense"]
PANEL = ["bn", "place", "method", "allocation", "reconstruct", "budget_kind", "pattern_shown"]
NAMED = ("kind", "pattern", "budget_kind", "budget_asked", "activations")


def recipe_curves(run: Run) -> pd.DataFrame:
    """One row a setting, point of compression and recipe, with CURVES: accuracy over seeds, excluded models left out.

    `dense` is the mean accuracy of the same recipe's models before compression.
    """
    models = run.pretraining.models
    rows = matched(compressed(run.records), models)
    groups = rows.assign(failed=rows.status != "ok").groupby([*SETTING, "kind", *POINT, "recipe"], sort=True)
    accuracy = {"n": "count", "accuracy": "mean", "sd": "std"}
    named = {name: ("accuracy", how) for name, how in accuracy.items()}
    found = groups.agg(failed=("failed", "sum"), **named).reset_index()
    widths = [half_width(sd, int(n)) for sd, n in zip(found.sd, found.n, strict=True)]
    model = ["dataset", "backbone", "stop", "recipe"]
    dense = models[~models.excluded].groupby(model).accuracy.mean().rename("dense").reset_index()
    found = found.assign(half_width=pd.Series(widths, found.index, dtype=float))
    return found.merge(dense, on=model, how="left")[CURVES]


def read(run: Run) -> pd.DataFrame:
    """The curves that have an accuracy; of structured pruning those that several recipes share."""
    data = recipe_curves(run)
    shown = in_model_order(data[data.accuracy.notna()])
    several = shown.groupby([*PART, "bn", "kind", "method"]).recipe.transform("nunique") > 1
    return shown[(shown.kind != "units") | several] if len(shown) else shown


def words(run: Run, data: pd.DataFrame) -> dict[str, str]:
    many = data.recipe.nunique() > MANY
    return {"bands": f"Bands are of Adam and SNT alone, as there are more than {MANY} recipes. " if many else ""}


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    shown = data.assign(
        place=data.kind.map(KINDS.index), pattern_shown=data.pattern.where(data.kind.isin(["units", "blocks"]), NONE)
    )
    groups = [
        (model_words(group.iloc[0][PART]), [(title(own.iloc[0]), own) for _, own in group.groupby(PANEL, sort=True)])
        for _, group in shown.groupby(PART, sort=False)
    ]
    banded = FIRST if data.recipe.nunique() > MANY else tuple(data.recipe)
    return recipe_panels(venue, groups, lambda axes, own: panel(axes, own, banded), data, ylabel="accuracy (points)")


def title(row: Row) -> str:
    """Kind, then what else tells panels of one kind apart."""
    found = [] if row["budget_kind"] == "bits" else [label(row["method"])]
    found += [str(row["pattern_shown"])] if row["pattern_shown"] not in (NONE, "units") else []
    found += [label(row[key]) for key in ("allocation", "reconstruct") if row[key] not in (NONE, "global")]
    found += [BN_WORDS[row["bn"]]] if row["bn"] in BN_WORDS else []
    return "\n".join(part for part in (KIND_WORDS[row["kind"]], ", ".join(found)) if part)


def panel(axes: Axes, group: pd.DataFrame, banded: tuple[str, ...]) -> None:
    """One line a recipe from its dense models on; sparsity is an axis of numbers, patterns and widths are names in order."""
    named = group.kind.iloc[0] in ("n:m", "weights", "activations")
    places = {"dense": 0.0}
    if named:
        ordered = sorted(set(zip(*(group[key] for key in NAMED), strict=True)), key=mildest_first)
        places |= {tick_words(dict(zip(NAMED, each, strict=True))): 1.0 + at for at, each in enumerate(ordered)}
        x = pd.Series([places[tick_words(row)] for row in group.to_dict("records")], group.index)
    else:
        x = 100 * (1 - group.budget_asked)
    for recipe in in_recipe_order(group.recipe)[::-1]:
        own = group[group.recipe == recipe].assign(x=x).sort_values("x")
        xs, y = np.concatenate([[0.0], own.x]), 100 * np.concatenate([own.dense.iloc[:1], own.accuracy])
        width = 100 * np.nan_to_num(np.concatenate([[0.0], own.half_width.to_numpy(float)]))
        curve(axes, xs, y, recipe_look(recipe), *((y - width, y + width) if recipe in banded else ()))
    if named:
        axes.set_xticks(list(places.values()), list(places))
    else:
        axes.set_xlabel("weights removed (%)" if group.budget_kind.iloc[0] == "weights" else "removed (%)")


def tick_words(row: Row) -> str:
    return str(row["pattern"]) if row["kind"] == "n:m" else width_words(row)


def mildest_first(point: tuple[Any, ...]) -> tuple[float, float]:
    """Sorts patterns and widths from the mildest on: more kept or more bits first, then larger groups."""
    _, pattern, _, budget, activations = point
    more = float(pattern.partition(":")[2]) if ":" in pattern else 0.0
    return -float(budget), -more - (float(activations) if activations != NONE else 0.0)
