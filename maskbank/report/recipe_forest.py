"""Forest plot of recipes minus Adam: a panel a kind of compression, a row a recipe."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskbank.report.forest import EQUAL, ZERO
from maskbank.report.recipe_words import BN_WORDS, KIND_WORDS, in_net_order, in_recipe_order, net_words
from maskbank.report.recipes import READING, UNCORRECTED
from maskbank.report.style import Drawing, colour, empty_panel, house_style, label, marker
from maskbank.report.tables import number_range
from maskbank.statistics.contrast import TESTED
from maskbank.statistics.recipes import DENSE, KINDS, MEAN

NO_PAIRS = "no recipe was run beside Adam"
ACROSS = 6
PART = ["dataset", "backbone", "stop", "form"]


def recipe_forest_figure(data: pd.DataFrame, margin: float) -> Drawing:
    """From `recipe_contrasts`: a group of panels a backbone, stop and form, its first panel the dense nets."""
    means = data[data.level == MEAN]
    shown = in_net_order(means[means.difference.notna()])
    parts = list(shown[shown.kind != DENSE].groupby(PART, sort=False))
    groups = [(net_words(group[PART].iloc[0]), panels_of(group, shown)) for _, group in parts]
    names = in_recipe_order(shown.recipe)
    with house_style():
        figure = forest(groups, names, margin)
    caption = (
        f"{READING} n = {number_range(shown.n)}. Means over the points of each kind of compression at which both were run. At "
        f"the right: p, {UNCORRECTED}. Hollow: no test, as seeds are fewer than 6 or blocks incomplete. Grey: ± "
        f"{100 * margin:g} points, the margin of equivalence. The panels before compression are the same for each form."
    )
    alt = "Forest plots of the difference of each pretraining recipe to Adam, one panel a kind of compression."
    return Drawing("recipe_forest", "Recipes against Adam", caption, alt, means, figure)


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


def forest(groups: list[tuple[str, list[tuple[str, pd.DataFrame]]]], names: list[str], margin: float) -> Figure:
    """Groups under their titles, panels wrapped; rows are recipes, the same in every panel."""
    across = min(max((len(panels) for _, panels in groups), default=1), ACROSS)
    line = 0.2 * max(len(names), 2) + 0.85
    heights = [line * -(-len(panels) // across) + 0.3 for _, panels in groups]
    figure = Figure(figsize=(1.95 * max(across, 3) + 1.5, sum(heights) + 0.3 if groups else 2.6), layout="constrained")
    if not groups:
        empty_panel(figure, NO_PAIRS)
        return figure
    parts = figure.subfigures(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (title, panels) in zip(parts, groups, strict=True):
        part.suptitle(title, x=0.01, ha="left", fontsize=9, fontweight="bold")
        grid = part.subplots(-(-len(panels) // across), across, squeeze=False, sharey=True)
        for axes, (words, rows) in zip(grid.flat, panels, strict=False):
            forest_panel(axes, rows, names, margin)
            axes.set_title(words, fontsize=8)
        for axes in list(grid.flat)[len(panels) :]:
            axes.set_axis_off()
        grid[0, 0].set_ylim(len(names) - 0.5, -0.5)
        grid[0, 0].set_yticks(range(len(names)), [label(name) for name in names])
        part.supxlabel("recipe minus Adam (points)", fontsize=8)
    return figure


def forest_panel(axes: Axes, rows: pd.DataFrame, names: list[str], margin: float) -> None:
    axes.axvspan(-100 * margin, 100 * margin, color=EQUAL, alpha=0.35, lw=0)
    axes.axvline(0, color=ZERO, linewidth=0.9)
    for row in rows.to_dict("records"):
        height, tint, tested = names.index(row["recipe"]), colour(row["recipe"]), row["status"] == TESTED
        middle, low, high = (100 * row[key] for key in ("difference", "ci_low", "ci_high"))
        if np.isfinite(low):
            axes.errorbar([middle], [height], xerr=[[middle - low], [high - middle]], color=tint, capsize=2, lw=1.4)
        axes.plot(
            [middle], [height], color=tint, marker=marker(row["recipe"]), markersize=4.2,
            markerfacecolor=tint if tested else "white",
        )  # fmt: skip
        if tested:
            words = f"{row['p_holm']:.3f}"
            axes.annotate(words, (1.01, height), xycoords=("axes fraction", "data"), va="center", fontsize=6.5)
    axes.grid(axis="y", visible=False)
