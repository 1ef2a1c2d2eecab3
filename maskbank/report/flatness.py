"""How flat minima are, and whether flatness goes with what compression costs: a scatter plot and two tables."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskbank.report.order import in_model_order, in_recipe_order
from maskbank.report.recipes import recipe_panels
from maskbank.report.style import Drawing, colour, label, marker
from maskbank.report.tables import Cell, Sheet
from maskbank.report.venues import Venue
from maskbank.report.words import (
    BN_WORDS,
    FLATTER,
    HOW_FAR,
    KIND_WORDS,
    SHARPER,
    Row,
    correlation_text,
    interval_text,
    measure_words,
    model_words,
    number,
    number_range,
    p_text,
    ratio_interval,
    scientific,
    status_words,
    verdict,
)
from maskbank.statistics.flatness import by_measure
from maskbank.statistics.recipes import KINDS

SHORT = {"activations": "W and A quantized"}  # a panel is narrow
PART = ["dataset", "backbone", "stop", "form"]


def sharpness_table(data: pd.DataFrame, alpha: float) -> Sheet:
    """A row a backbone, stop, measure and recipe, from `sharpness_contrasts`."""
    rows = []
    for row in in_model_order(data).to_dict("records"):
        texts = (
            model_words(row), measure_words(row["measure"]), label(row["recipe"]), scientific(row["level"]),
            scientific(row["level_adam"]), number(row["ratio"]), ratio_interval(row), str(row["n"]), p_text(row["p"]),
            p_text(row["p_holm"]), verdict(row, alpha, SHARPER, FLATTER), status_words(row),
        )  # fmt: skip
        rows.append(tuple(map(Cell, texts)))
    head = (
        "net", "measure", "recipe", "median", "Adam's", "ratio to Adam", "95 % interval", "n", "p", "p Holm", "in words",
        "status",
    )  # fmt: skip
    caption = (
        "Sharpness at the minimum on training images. Ratio to Adam: the exponential of the mean difference of logarithms, "
        "paired by pretraining seed; n counts seeds. Intervals: 95 % t-interval over seeds. p: exact "
        "Wilcoxon signed-rank, none below 6 seeds; Holm over the measures of one recipe on one net. Underpowered: "
        "fewer than 6 seeds, or so few that no outcome could pass the correction. Eigenvalue and trace depend on how weights "
        "are scaled, adaptive sharpness does not."
    )
    return Sheet("sharpness", "Sharpness of the minima", caption, head, tuple(rows), data, together=2)


def drops_table(data: pd.DataFrame) -> Sheet:
    """A row a setting, kind of compression and measure, from `drop_correlations`."""
    rows = []
    for row in in_model_order(data).to_dict("records"):
        texts = (
            model_words(row), KIND_WORDS[row["kind"]], measure_words(row["measure"]), correlation_text(row["pooled"]),
            interval_text(row["pooled_low"], row["pooled_high"]), correlation_text(row["within"]),
            interval_text(row["within_low"], row["within_high"]), str(row["n"]), str(row["recipes"]), str(row["seeds"]),
        )  # fmt: skip
        rows.append(tuple(map(Cell, texts)))
    head = (
        "net", "kind", "measure", "pooled", "95 % interval", "within recipes", "95 % interval ", "nets", "recipes", "seeds",
    )  # fmt: skip
    caption = (
        "Whether sharper nets lose more: correlation of sharpness with the drop, dense accuracy minus the mean accuracy over "
        f"the points of a kind of compression. {HOW_FAR}"
    )
    return Sheet("drops", "Sharpness and what compression costs", caption, head, tuple(rows), data, together=2)


def drops_figure(paired: pd.DataFrame, correlated: pd.DataFrame) -> Drawing:
    """From `sharp_drops`: a group a backbone and stop, a row a measure, a column a kind of compression, a dot a net."""
    shown = in_model_order(one_handling(paired))
    names = in_recipe_order(shown.recipe)
    key = [*PART, "bn", "kind", "measure"]
    numbers = {tuple(row[name] for name in key): row for row in correlated.to_dict("records")}

    def named(panels: list[tuple[str, pd.DataFrame]]) -> list[tuple[str, pd.DataFrame]]:
        return [
            (f"{words}\n{related(numbers[tuple(own.iloc[0][name] for name in key)])}", own) for words, own in panels
        ]

    parts = [
        (model_words(group[PART].iloc[0]), named(panels_of(group))) for _, group in shown.groupby(PART, sort=False)
    ]
    kinds = max((group.kind.nunique() for _, group in shown.groupby(PART)), default=1)

    def draw(venue: Venue) -> Figure:
        return recipe_panels(venue, parts, drop_panel, names, size=(2.05, 2.0), most=kinds)

    counts = correlated.n if len(correlated) else pd.Series(dtype=int)
    caption = (
        f"Sharpness against the drop by compression, a dot a net, n = {number_range(counts)} nets a panel; intervals of r are in "
        "the table; no test."
    )
    notes = (
        "The drop is dense accuracy minus the mean accuracy after a kind of compression. r: rank correlation, pooled over nets "
        f"and within recipes. {HOW_FAR} Of nets compressed as trained and folded, or with BN handled in two ways, those as "
        "trained and with BN re-estimated are drawn; the others are in the table."
    )
    alt = "Scatter plots of the accuracy lost by compression against sharpness, one dot a net, coloured by recipe."
    return Drawing("sharpness_drop", "Sharpness against what compression costs", caption, notes, alt, shown, draw)


def panels_of(group: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Titles and rows, measure by measure, kinds in their order in each."""
    kinds = sorted(set(group.kind), key=KINDS.index)
    found = []
    for measure in sorted(set(group.measure), key=by_measure):
        for kind in kinds:
            own = group[(group.kind == kind) & (group.measure == measure)]
            if len(own):
                bn = own.bn.iloc[0]
                found.append((SHORT.get(kind, KIND_WORDS[kind]) + (f", {BN_WORDS[bn]}" if bn in BN_WORDS else ""), own))
    return found


def one_handling(paired: pd.DataFrame) -> pd.DataFrame:
    """Rows of nets as trained and with re-estimated BN; of others where these were not run."""
    for keys, column, usual in (([*PART[:3]], "form", "trained"), ([*PART, "kind"], "bn", "reestimated")):
        if len(paired):
            first = paired.groupby(keys)[column].transform(
                lambda values, usual=usual: usual if usual in set(values) else min(values)
            )
            paired = paired[paired[column] == first]
    return paired


def related(numbers: Row) -> str:
    return f"r {correlation_text(numbers['pooled'])} pooled, {correlation_text(numbers['within'])} within"


def drop_panel(axes: Axes, own: pd.DataFrame) -> None:
    for recipe in in_recipe_order(own.recipe)[::-1]:
        rows = own[own.recipe == recipe]
        axes.plot(
            rows.value, 100 * rows["drop"], linestyle="none", marker=marker(recipe), color=colour(recipe), markersize=3.6,
            alpha=0.8,
        )  # fmt: skip
    if (own.value > 0).all() and own.value.max() > 5 * own.value.min():
        axes.set_xscale("log")
    axes.set_xlabel(measure_words(own.measure.iloc[0]))
    axes.set_ylabel("drop (points)")
