"""Pretrained nets by recipe: accuracy, training loss and generalization gap, in a figure and a table with their cost."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskbank.report.order import in_model_order, in_recipe_order
from maskbank.report.recipes import recipe_panels
from maskbank.report.style import Drawing, colour, label, marker
from maskbank.report.tables import Cell, Sheet
from maskbank.report.venues import Venue
from maskbank.report.words import cost_text, mean_text, model_words, number_range
from maskbank.statistics.effects import half_width
from maskbank.statistics.nets import ADAM, GROUP, spread
from maskbank.statistics.traces import CELLS, joined

SHOWN = {"accuracy": 100, "gap": 100, "train_loss": 1, "loss": 1}  # measure -> scale it is shown at
WORDS = {
    "accuracy": "test accuracy (points)", "gap": "training − test accuracy\n(points)", "train_loss": "training loss",
    "loss": "test loss",
}  # fmt: skip
MEANS = [*GROUP, "recipe", "measure", "n", "set_aside", "failed", "mean", "sd", "half_width", CELLS]


def net_means(nets: pd.DataFrame) -> pd.DataFrame:
    """One row a data set, backbone, stop, recipe and measure, with MEANS: over seeds, nets set aside left out."""
    found: list[dict[str, object]] = []
    for names, group in nets.groupby([*GROUP, "recipe"], sort=True):
        labels: dict[str, object] = dict(zip([*GROUP, "recipe"], names, strict=True))
        kept = group[~group.aside]
        counts = {"set_aside": int(group.aside.sum()), "failed": int((group.status != "ok").sum())}
        labels[CELLS] = joined(kept.cell_key)
        for measure in SHOWN:
            numbers = spread(kept[measure])
            width = half_width(numbers["sd"], int(numbers["n"]))
            found.append({**labels, "measure": measure, **counts, **numbers, "half_width": width})
    return pd.DataFrame(found, columns=MEANS)


def gap_figure(nets: pd.DataFrame, means: pd.DataFrame) -> Drawing:
    """Accuracy, gap and losses of the nets: a group a backbone and stop, a panel a measure, a column of dots a recipe."""
    known = means[(means.measure == "gap") & means["mean"].notna()]
    shown = means.merge(known[[*GROUP, "recipe"]])
    shown = in_model_order(shown[shown["mean"].notna()])
    dots = nets[~nets.aside]
    names = in_recipe_order(shown.recipe)

    def panel(axes: Axes, group: pd.DataFrame) -> None:
        gap_panel(axes, group, dots[(dots[GROUP] == list(group[GROUP].iloc[0])).all(axis=1)])

    parts = [
        (
            model_words(group.iloc[0]),
            [(WORDS[name], group[group.measure == name]) for name in SHOWN if name in set(group.measure)],
        )
        for _, group in shown.groupby(GROUP, sort=False)
    ]  # fmt: skip

    def draw(venue: Venue) -> Figure:
        return recipe_panels(venue, parts, panel, names, size=(2.35, 1.95))

    caption = (
        f"Nets by recipe before compression; marks are means over n = {number_range(shown.n)} seeds, bars 95 % t-intervals; "
        "no test."
    )
    notes = (
        "Small dots are nets. The generalization gap is training minus test accuracy. Training accuracy and loss are measured "
        "in eval mode without augmentation on training images. Nets that did not reach the matched training loss are left out."
    )
    alt = "Dot plots of test accuracy, generalization gap and losses, one column a pretraining recipe."
    return Drawing("generalization", "Accuracy and generalization gap by recipe", caption, notes, alt, shown, draw)


def gap_panel(axes: Axes, group: pd.DataFrame, nets: pd.DataFrame) -> None:
    measure = str(group.measure.iloc[0])
    scale, names = SHOWN[measure], in_recipe_order(group.recipe)
    for place, recipe in enumerate(names):
        own, row = nets[nets.recipe == recipe][measure].dropna(), group[group.recipe == recipe].iloc[0]
        apart = np.linspace(-0.22, 0.22, len(own)) if len(own) > 1 else np.zeros(len(own))
        axes.plot(place + apart, scale * own, ".", color=colour(recipe), markersize=3, alpha=0.5)
        axes.errorbar(
            [place], [scale * row["mean"]], yerr=[scale * np.nan_to_num(row.half_width)], color=colour(recipe),
            marker=marker(recipe), markersize=5, capsize=2.5, linewidth=1.4,
        )  # fmt: skip
    axes.set_xticks([])
    axes.set_xlim(-0.6, len(names) - 0.4)


def recipes_table(means: pd.DataFrame, costs: pd.DataFrame) -> Sheet:
    """A row a backbone, stop and recipe: what its nets are before compression, and what they cost relative to Adam."""
    rows = []
    known = in_model_order(means[means.n > 0])
    for names, group in known.groupby(GROUP, sort=False):
        for recipe in in_recipe_order(group.recipe):
            own = group[group.recipe == recipe].set_index("measure")
            same = costs[(costs[GROUP] == list(names)).all(axis=1) & (costs.recipe == recipe)].set_index("cost_of")
            cells = [model_words(own.iloc[0]), label(recipe)]
            cells += [mean_text(own, name) for name in SHOWN]
            cells += ["1" if recipe == ADAM else cost_text(same, kind) for kind in ("macs", "seconds", "steps")]
            notes = [f"{own.set_aside.iloc[0]} set aside"] if own.set_aside.iloc[0] else []
            notes += [f"✗{own.failed.iloc[0]}"] if own.failed.iloc[0] else []
            rows.append(tuple(map(Cell, [*cells, " ".join([number_range(own.n[own.n > 0]), *notes])])))
    head = (
        "net", "recipe", "test accuracy", "gap", "training loss", "test loss", "MACs, of Adam's", "CPU s, of Adam's",
        "steps, of Adam's", "n",
    )  # fmt: skip
    caption = (
        "Nets before compression, mean ± sample sd over seeds: accuracies in points; gap: training minus test accuracy. Cost of "
        "training relative to Adam with the same seed: median (least to most) over seeds; seconds inside one machine class "
        "only. n counts seeds; set aside: nets that did not reach the matched training loss. ✗: cells that did not end ok. "
        "No test."
    )
    data = known.merge(wide(costs), on=[*GROUP, "recipe"], how="left")
    return Sheet("recipes", "Recipes before compression", caption, head, tuple(rows), data, together=1)


def wide(costs: pd.DataFrame) -> pd.DataFrame:
    """Columns `macs_median`, `macs_low`, ... of each recipe."""
    keys = [*GROUP, "recipe"]
    if costs.empty:
        return pd.DataFrame(columns=keys)
    table = costs.pivot(index=keys, columns="cost_of", values=["median", "low", "high"])
    table.columns = pd.Index(["_".join(map(str, names[::-1])) for names in table.columns])
    return table.reset_index()
