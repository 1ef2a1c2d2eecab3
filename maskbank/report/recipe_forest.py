"""Forest plot of recipes minus Adam: a panel a kind of compression, a row a recipe."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskbank.report.forest import EQUAL, ZERO, draw_interval
from maskbank.report.frames import Line, panel_lines
from maskbank.report.order import in_model_order, in_recipe_order
from maskbank.report.recipes import UNCORRECTED
from maskbank.report.style import Drawing, colour, label, marker
from maskbank.report.venues import Venue
from maskbank.report.words import BN_WORDS, KIND_WORDS, model_words, number_range
from maskbank.statistics.contrast import TESTED
from maskbank.statistics.recipes import DENSE, KINDS, MEAN

ACROSS = 6
PART = ["dataset", "backbone", "stop", "form"]


def recipe_forest_figure(data: pd.DataFrame, margin: float) -> Drawing:
    """From `recipe_contrasts`: a group of panels a backbone, stop and form, its first panel the dense nets."""
    means = data[data.level == MEAN]
    shown = in_model_order(means[means.difference.notna()])
    parts = list(shown[shown.kind != DENSE].groupby(PART, sort=False))
    names = in_recipe_order(shown.recipe)

    def draw(venue: Venue) -> Figure:
        height = 0.2 * max(len(names), 2) + 0.8
        lines = [Line(model_words(group[PART].iloc[0]), panels_of(group, shown), height) for _, group in parts]
        return panel_lines(
            venue, lines, lambda axes, rows: forest_panel(axes, rows, names, margin), width=1.95, most=ACROSS,
            xlabel="recipe minus Adam (points)",
        )  # fmt: skip

    caption = (
        f"Recipe minus Adam in points; n = {number_range(shown.n)} seeds, bars 95 % t-intervals; at the right p, exact Wilcoxon "
        "signed-rank, Holm."
    )
    notes = (
        "Paired by pretraining seed; means over the points of each kind of compression at which both were run. "
        f"{UNCORRECTED}. Hollow: no test, as seeds are fewer than 6 or blocks incomplete. Grey: ± "
        f"{100 * margin:g} points, the margin of equivalence. The panels before compression are the same for each form."
    )
    alt = "Forest plots of the difference of each pretraining recipe to Adam, one panel a kind of compression."
    return Drawing(
        "recipe_forest", "Recipes against Adam", caption, notes, alt, shown if parts else shown.iloc[:0], draw
    )


def panels_of(group: pd.DataFrame, every: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Titles and rows: the dense nets, then each kind and BN handling in order."""
    first = group.iloc[0]
    dense = every[(every.kind == DENSE) & (every[PART[:3]] == list(first[PART[:3]])).all(axis=1)]
    panels = [(KIND_WORDS[DENSE], dense)] if len(dense) else []
    kinds = sorted(set(zip(group.kind, group.bn, strict=True)), key=lambda each: (KINDS.index(each[0]), each[1]))
    for kind, bn in kinds:
        words = "\n".join([KIND_WORDS[kind], *([BN_WORDS[bn]] if bn in BN_WORDS else [])])
        panels.append((words, group[(group.kind == kind) & (group.bn == bn)]))
    return panels


def forest_panel(axes: Axes, rows: pd.DataFrame, names: list[str], margin: float) -> None:
    axes.axvspan(-100 * margin, 100 * margin, color=EQUAL, alpha=0.35, lw=0)
    axes.axvline(0, color=ZERO, linewidth=0.9)
    for row in rows.to_dict("records"):
        height, tint, tested = names.index(row["recipe"]), colour(row["recipe"]), row["status"] == TESTED
        draw_interval(
            axes, height, [100 * row[key] for key in ("difference", "ci_low", "ci_high")], capsize=2, width=1.4, color=tint,
            marker=marker(row["recipe"]), markersize=4.2, markerfacecolor=tint if tested else "white",
        )  # fmt: skip
        if tested:
            words = f"{row['p_holm']:.3f}"
            axes.annotate(words, (1.01, height), xycoords=("axes fraction", "data"), va="center", fontsize="small")
    axes.set_yticks(range(len(names)), [label(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
