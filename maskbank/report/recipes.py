"""Accuracy after compression by recipe: a figure of curves, and tables of contrasts and of areas."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskbank.records.schema import NONE
from maskbank.report.frames import Line, panel_lines
from maskbank.report.order import FIRST, in_model_order, in_recipe_order
from maskbank.report.panels import MANY
from maskbank.report.style import Drawing, colour, label, marker
from maskbank.report.tables import Cell, Sheet
from maskbank.report.venues import Venue
from maskbank.report.words import (
    BN_WORDS,
    KIND_WORDS,
    MDE,
    Row,
    between,
    detectable,
    model_words,
    number_range,
    p_text,
    points,
    status_words,
    verdict,
    width_words,
)
from maskbank.statistics.effects import half_width
from maskbank.statistics.nets import matched
from maskbank.statistics.recipes import DENSE, KINDS, MEAN, POINT, SETTING, compressed

PART = ["dataset", "backbone", "stop", "form"]  # a group of panels
PANEL = ["bn", "place", "method", "allocation", "reconstruct", "budget_kind", "pattern_shown"]
CURVES = [*SETTING, "kind", *POINT, "recipe", "n", "failed", "accuracy", "sd", "half_width", "dense"]
ACROSS = 6
PANEL_SIZE = (2.05, 1.95)  # inches
UNCORRECTED = (
    "Holm over the kinds of compression of one recipe in one setting; nothing is corrected across recipes, and none is "
    "called the best"
)


def recipe_curves(records: pd.DataFrame, nets: pd.DataFrame) -> pd.DataFrame:
    """One row a setting, point of compression and recipe, with CURVES: accuracy over seeds, nets set aside left out.

    `dense` is the mean accuracy of the same recipe's nets before compression.
    """
    rows = matched(compressed(records), nets)
    rows = rows.assign(failed=rows.status != "ok")
    keys = [*SETTING, "kind", *POINT, "recipe"]
    groups = rows.groupby(keys, sort=True)
    found = groups.agg(
        n=("accuracy", "count"), failed=("failed", "sum"), accuracy=("accuracy", "mean"), sd=("accuracy", "std")
    )
    found = found.reset_index()
    widths = [half_width(sd, int(n)) for sd, n in zip(found.sd, found.n, strict=True)]
    kept = nets[~nets.aside].groupby(["dataset", "backbone", "stop", "recipe"]).accuracy.mean().rename("dense")
    found = found.assign(half_width=pd.Series(widths, found.index, dtype=float))
    return found.merge(kept.reset_index(), on=["dataset", "backbone", "stop", "recipe"], how="left")[CURVES]


def recipes_figure(data: pd.DataFrame) -> Drawing:
    """A group of panels a backbone, stop and form, a panel a kind, method and BN handling, a line a recipe."""
    shown = in_model_order(data[data.accuracy.notna()])
    several = shown.groupby([*PART, "bn", "kind", "method"]).recipe.transform("nunique") > 1
    shown = shown[(shown.kind != "units") | several] if len(shown) else shown
    shown = shown.assign(
        place=shown.kind.map(KINDS.index), pattern_shown=shown.pattern.where(shown.kind.isin(["units", "blocks"]), NONE)
    )
    names = in_recipe_order(shown.recipe)

    def draw(venue: Venue) -> Figure:
        groups = [
            (
                model_words(group[PART].iloc[0]),
                [(panel_title(own.iloc[0]), own) for _, own in group.groupby(PANEL, sort=True)],
            )
            for _, group in shown.groupby(PART, sort=False)
        ]
        return recipe_panels(
            venue, groups, lambda axes, own: curve_panel(axes, own, len(names)), names, ylabel="accuracy (points)"
        )

    bands = f"Bands are of Adam and SNT alone, as there are more than {MANY} recipes. " if len(names) > MANY else ""
    caption = (
        f"Accuracy after one-shot compression by recipe; points are means over n = {number_range(shown.n)} seeds, bands 95 % "
        "t-intervals; no test."
    )
    notes = (
        f"Nothing is fine-tuned. The leftmost points are the nets before compression. {bands}"
        "Recipes share seeds, so that bands that overlap do not show equality; the paired tests are in the "
        "forest of recipes. Nets that did not reach the matched training loss are left out."
    )
    alt = "Line plots of accuracy against sparsity and bits, one line a pretraining recipe, panels by kind of compression."
    return Drawing("recipes", "Accuracy after compression, by recipe", caption, notes, alt, shown[CURVES], draw)


Groups = list[tuple[str, list[tuple[str, pd.DataFrame]]]]


def recipe_panels(
    venue: Venue, groups: Groups, draw: Callable[[Axes, pd.DataFrame], None], names: list[str],
    size: tuple[float, float] = PANEL_SIZE, most: int = ACROSS, ylabel: str = "",
) -> Figure:  # fmt: skip
    """Groups of panels under their titles, with one legend of recipes below; `draw` fills a panel."""
    lines = [Line(title, panels, size[1]) for title, panels in groups]
    key = [(label(name), Line2D([], [], **look(name))) for name in names]
    return panel_lines(venue, lines, draw, width=size[0], most=most, key=key, share_y=False, ylabel=ylabel)


def look(recipe: str) -> dict[str, Any]:
    """How a recipe's line is drawn: Adam and SNT above the others."""
    first = recipe in FIRST
    return {
        "color": colour(recipe), "marker": marker(recipe), "markersize": 4.2 if first else 3.4,
        "linewidth": 2.0 if first else 1.1, "zorder": 3 if first else 2,
    }  # fmt: skip


def panel_title(row: Row) -> str:
    """Kind, then what else tells panels of one kind apart."""
    words = [] if row["budget_kind"] == "bits" else [label(row["method"])]
    words += [str(row["pattern_shown"])] if row["pattern_shown"] not in (NONE, "units") else []
    words += [label(row[key]) for key in ("allocation", "reconstruct") if row[key] not in (NONE, "global")]
    words += [BN_WORDS[row["bn"]]] if row["bn"] in BN_WORDS else []
    return "\n".join(part for part in (KIND_WORDS[row["kind"]], ", ".join(words)) if part)


def curve_panel(axes: Axes, group: pd.DataFrame, recipes: int) -> None:
    """One line a recipe from its dense nets on; sparsity is an axis of numbers, patterns and widths are names in order."""
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
        xs = np.concatenate([[0.0], own.x])
        level = 100 * np.concatenate([own.dense.iloc[:1], own.accuracy])
        axes.plot(xs, level, **look(recipe))
        if recipes <= MANY or recipe in FIRST:
            width = 100 * np.nan_to_num(np.concatenate([[0.0], own.half_width.to_numpy(float)]))
            axes.fill_between(xs, level - width, level + width, color=colour(recipe), alpha=0.13, lw=0)
    if named:
        axes.set_xticks(list(places.values()), list(places))
    else:
        axes.set_xlabel("weights removed (%)" if group.budget_kind.iloc[0] == "weights" else "removed (%)")


NAMED = ("kind", "pattern", "budget_kind", "budget_asked", "activations")


def tick_words(row: Row) -> str:
    return str(row["pattern"]) if row["kind"] == "n:m" else width_words(row)


def mildest_first(point: tuple[Any, ...]) -> tuple[float, float]:
    """Sorts patterns and widths from the mildest on: more kept or more bits first, then larger groups."""
    _, pattern, _, budget, activations = point
    more = float(pattern.partition(":")[2]) if ":" in pattern else 0.0
    return -float(budget), -more - (float(activations) if activations != NONE else 0.0)


CONTRAST_HEAD = (
    "net", "kind", "at", "recipe − Adam", "difference", "95 % interval", "n", "p", "p Holm", "MDE", "in words",
    "status",
)  # fmt: skip
READING = (
    "Points of accuracy, recipe minus Adam, paired by pretraining seed; n counts seeds. Intervals: 95 % t-interval "
    f"over seeds. p: exact Wilcoxon signed-rank, none below 6 seeds. {MDE}"
)


def contrasts_table(data: pd.DataFrame, alpha: float) -> Sheet:
    """A row a setting, kind and recipe, the means first and the points in the csv alone, from `recipe_contrasts`."""
    shown = in_model_order(data[data.level == MEAN])
    rows = []
    for row in shown.to_dict("records"):
        at = "" if row["kind"] == DENSE else f"mean of {row['points']} points"
        texts = (
            model_words(row), KIND_WORDS[row["kind"]], at, label(row["recipe"]), points(row["difference"], signed=True),
            between(row), str(row["n"]), p_text(row["p"]), p_text(row["p_holm"]),
            detectable(row), verdict(row, alpha), status_words(row),
        )  # fmt: skip
        rows.append(tuple(map(Cell, texts)))
    caption = (
        f"{READING} {UNCORRECTED}. Underpowered: fewer than 6 seeds, or so few that no outcome could pass the correction. "
        "Single points of compression, with Holm over the points of a kind, are in the csv."
    )
    title = "Recipes against Adam after compression"
    return Sheet("recipe_contrasts", title, caption, CONTRAST_HEAD, tuple(rows), data, together=2)


def areas_table(data: pd.DataFrame, alpha: float) -> Sheet:
    """A row a curve and recipe, from `area_contrasts`."""
    rows = []
    for row in in_model_order(data).to_dict("records"):
        net = ", ".join(
            [model_words(row), *(label(row[key]) for key in ("allocation", "reconstruct") if row[key] != NONE)]
        )
        texts = (
            net, f"{100 * row['sparsity_low']:.3g}–{100 * row['sparsity_high']:.3g} %", label(row["recipe"]),
            points(row["area"]), points(row["area_adam"]), points(row["difference"], signed=True), between(row),
            str(row["n"]), p_text(row["p"]), detectable(row), verdict(row, alpha),
            status_words(row),
        )  # fmt: skip
        rows.append(tuple(map(Cell, texts)))
    head = (
        "net", "sparsity", "recipe", "area", "Adam's", "difference", "95 % interval", "n", "p", "MDE", "in words",
        "status",
    )  # fmt: skip
    caption = (
        "Area under accuracy against sparsity after one-shot magnitude pruning of single weights, by the trapezoid rule over "
        f"the sparsities that all recipes were run at, divided by their width. {READING} Each is a test by itself, corrected "
        "for nothing."
    )
    return Sheet("areas", "Area under accuracy against sparsity", caption, head, tuple(rows), data, together=2)
