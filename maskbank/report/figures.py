"""Figures of transfer, compression and comparisons, drawn from the same numbers as its tables."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from maskbank.report.aggregate import pretrained_means, seeded_means
from maskbank.report.style import Drawing, colour, empty_panel, house_style, label, marker, pattern_label
from maskbank.report.tables import number_range

NO_TRANSFER = "no transfer cell has an accuracy"


def budget_axis(axes: Axes, budgets: list[float], name: str = "fraction kept") -> None:
    """A logarithmic axis with a tick at each budget that was run."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(budgets))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(min(budgets) / 1.25, max(budgets) * 1.25)
    axes.set_xlabel(name)


def accuracy_figure(data: pd.DataFrame) -> Drawing:
    """Accuracy against budget, from `transfer_means`: a row a backbone and allocation, a column a T."""
    shown = data[data.accuracy.notna()]
    rows = list(shown.groupby(["backbone", "allocation", "bn", "budget_kind"], sort=True))[::-1]
    steps = sorted(shown.steps.unique())
    with house_style():
        figure = Figure(figsize=(2.6 * max(len(steps), 2) + 0.4, 2.35 * max(len(rows), 1) + 0.8), layout="constrained")
        if not rows:
            empty_panel(figure, NO_TRANSFER)
        else:
            panels = figure.subplots(len(rows), len(steps), squeeze=False, sharey="row")
            for line, (labels, group) in zip(panels, rows, strict=True):
                for axes, number in zip(line, steps, strict=True):
                    accuracy_panel(axes, group[group.steps == number])
                    axes.set_title(f"{labels[0]}, {label(str(labels[1]))}, T = {number}")
                line[0].set_ylabel("accuracy (points)")
            named = [zip(*reversed(axes.get_legend_handles_labels()), strict=True) for axes in panels.flat]
            handles = dict(pair for panel in named for pair in panel)
            figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(len(handles), 6))
    n = number_range(shown.n) if len(shown) else "0"
    caption = (
        f"Accuracy after T steps against the fraction kept, n = {n} splits. Lines: means over splits; bands and "
        "bars: 95 % t-intervals of each mean. Methods share splits, so that bands that overlap do not show equality; "
        "the tests of paired differences (Wilcoxon signed-rank, Holm) are in the forest plot. Dashed: the dense reference."
    )
    alt = "Line plots of accuracy against fraction kept, one line a method, panels by steps and allocation."
    return Drawing("accuracy_by_budget", "Accuracy against budget", caption, alt, data, figure)


def accuracy_panel(axes: Axes, group: pd.DataFrame) -> None:
    """One line a method with its band, or bars side by side where there is one budget; the reference as a level."""
    methods, budgets = sorted(group.method.unique()), sorted(group.budget_asked.unique())
    for place, (method, rows) in enumerate(group.groupby("method", sort=True)):
        name, own = str(method), rows.sort_values("budget_asked")
        look: dict[str, Any] = {
            "color": colour(name),
            "label": label(name),
            "zorder": 3 if (own.role == "method").all() else 2,
        }
        level, width = 100 * own.accuracy, 100 * own.half_width.fillna(0)
        if (own.role == "reference").all():
            axes.axhline(level.iloc[0], linestyle="--", **look)
            low, high = level.iloc[0] - width.iloc[0], level.iloc[0] + width.iloc[0]
            axes.axhspan(low, high, color=colour(name), alpha=0.08, lw=0)
        elif len(budgets) == 1:
            beside = own.budget_asked * 1.04 ** (place - len(methods) / 2)
            axes.errorbar(beside, level, width, marker=marker(name), markersize=4, capsize=2, linestyle="none", **look)
        else:
            axes.plot(own.budget_asked, level, marker=marker(name), markersize=4, **look)
            axes.fill_between(own.budget_asked, level - width, level + width, color=colour(name), alpha=0.13, lw=0)
    if budgets:
        budget_axis(axes, budgets)


def compression_figure(records: pd.DataFrame) -> Drawing:
    """Accuracy with fewer weights or bits, by recipe, and of sparse training by method: a panel a backbone and kind."""
    data = seeded_means(records)
    data = data[data.budget_kind.isin(["weights", "bits"])]
    shown, dense = data[data.accuracy.notna()], pretrained_means(records)
    shown = shown.assign(kind=[compressed_how(row) for row in shown.to_dict("records")])
    panels = list(shown.groupby(["backbone", "stage", "budget_kind", "kind"], sort=True))
    columns = min(max(len(panels), 1), 3)
    lines = -(-max(len(panels), 1) // columns)
    with house_style():
        figure = Figure(figsize=(3.1 * max(columns, 2), 3.5 * lines), layout="constrained")
        if not panels:
            empty_panel(figure, "no compression and no sparse training has an accuracy")
        else:
            grid = list(figure.subplots(lines, columns, squeeze=False).flat)
            for axes, (_, group) in zip(grid, panels, strict=False):
                compression_panel(axes, group, dense[dense.backbone.isin(group.backbone)])
                first = group.iloc[0]
                axes.set_title(f"{first.backbone}, {first.kind or 'sparse training'}")
            for axes in grid[len(panels) :]:
                axes.set_axis_off()
    n = number_range(shown.n) if len(shown) else "0"
    caption = (
        f"Accuracy after one-shot compression of weights by recipe and of sparse training by method, n = {n} seeds. Points: "
        "means; bars: ± one sample sd over seeds, not an interval of the mean. Dashed and hollow: BN kept as it was. "
        "Dotted: the pretrained nets before compression. No test is drawn: the paired tests over seeds stand among "
        "the claims, and below 6 seeds none is made."
    )
    alt = "Line plots of accuracy against fraction of weights kept and against bits, by recipe and method."
    return Drawing("compression", "Compression and sparse training", caption, alt, data, figure)


def compressed_how(row: dict[Any, Any]) -> str:
    """What tells the panels of one-shot compression apart; of sparse training the methods share one panel."""
    if row["stage"] != "compress":
        return ""
    keys = ("pattern", "budget_kind", "allocation", "schedule", "reconstruct")
    pattern = pattern_label(*(row[key] for key in keys))
    return label(row["method"]) if pattern == "–" else f"{label(row['method'])}, {pattern}"


def compression_panel(axes: Axes, group: pd.DataFrame, dense: pd.DataFrame) -> None:
    """One line a recipe (compress) or method (sparsify) and BN handling, beside one another, with bars of one sd."""
    first = group.iloc[0]
    by = "recipe" if first.stage == "compress" else "method"
    lines = list(group.groupby([by, "bn"], sort=True))
    for position, ((name, bn), own) in enumerate(lines):
        apart = 1.05 ** (position - (len(lines) - 1) / 2)
        hollow, tint = bn == "kept" and group.bn.nunique() > 1, colour(str(name))
        axes.errorbar(
            own.budget_asked * apart, 100 * own.accuracy, yerr=100 * own.sd.fillna(0), capsize=2, markersize=4,
            elinewidth=0.9, color=tint, marker=marker(str(name)), linestyle="--" if hollow else "-",
            markerfacecolor="white" if hollow else tint, label=label(str(name)) + (", BN kept" if hollow else ""),
        )  # fmt: skip
    for row in dense[dense.recipe.isin(group.recipe)].to_dict("records"):
        axes.axhline(100 * row["accuracy"], color=colour(row["recipe"]), linestyle=":", linewidth=1)
    bits = first.budget_kind == "bits"
    budget_axis(axes, sorted(group.budget_asked.unique()), "bits a weight" if bits else "fraction of weights kept")
    axes.set_ylabel("accuracy (points)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, handlelength=2.4, columnspacing=1)


def forest_figure(comparisons: pd.DataFrame, margin: float) -> Drawing:
    """Headline differences to each rival, a panel a setting."""
    data = comparisons[comparisons.kind == "headline"].drop(columns=["kind", "budget_asked", "steps"])
    shown = data[data.difference.notna() & (data.role != "reference")]
    keys = ["backbone", "allocation", "bn", "budget_kind"]
    panels = list(shown.groupby(keys, sort=True))
    rivals = list(dict.fromkeys(shown.rival))
    method = label(str(shown.method.iloc[0])) if len(shown) else "method"
    with house_style():
        width = 4.1 * max(len(panels), 1.3)
        figure = Figure(figsize=(min(width, 12.3), 0.42 * max(len(rivals), 3) + 1.3), layout="constrained")
        if not panels:
            empty_panel(figure, NO_TRANSFER)
        else:
            grid = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
            for axes, (labels, group) in zip(grid, panels, strict=True):
                forest_panel(axes, group, rivals, margin)
                axes.set_title(f"{labels[0]}, {label(str(labels[1]))}", loc="left")
                axes.set_xlabel(f"{method} minus rival (points)")
    n = number_range(shown.n) if len(shown) else "0"
    caption = (
        f"{method} minus each rival and control, mean over budgets and steps, in points; n = {n} splits. Bars: 95 % "
        "percentile bootstrap (splits, then tasks), below 6 splits a t-interval over splits. p: exact Wilcoxon "
        "signed-rank over splits, Holm over all headline contrasts of a setting. Grey: "
        f"± {100 * margin:g} points, the margin of equivalence. Hollow: no test, as blocks are incomplete or splits "
        "fewer than 6."
    )
    alt = f"Forest plot of the difference of {method} to each rival with intervals and corrected p-values."
    return Drawing("forest", f"{method} against each rival", caption, alt, data, figure)


def forest_panel(axes: Axes, group: pd.DataFrame, rivals: list[str], margin: float) -> None:
    """A row a rival; the corrected p at the right edge."""
    axes.axvspan(-100 * margin, 100 * margin, color="#BBBBBB", alpha=0.35, lw=0)
    axes.axvline(0, color="#555555", linewidth=0.9)
    for row in group.to_dict("records"):
        height, tested, tint = rivals.index(row["rival"]), row["status"] == "tested", colour(row["rival"])
        middle, low, high = (100 * row[key] for key in ("difference", "ci_low", "ci_high"))
        if np.isfinite(low):
            axes.errorbar([middle], [height], xerr=[[middle - low], [high - middle]], color=tint, capsize=3, lw=1.6)
        face = tint if tested else "white"
        axes.plot([middle], [height], color=tint, marker=marker(row["rival"]), markersize=4.5, markerfacecolor=face)
        text = f"p = {row['p_holm']:.3f}" if tested else row["status"]
        axes.annotate(text, (1.02, height), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.set_yticks(range(len(rivals)), [label(name) for name in rivals])
    axes.set_ylim(len(rivals) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
