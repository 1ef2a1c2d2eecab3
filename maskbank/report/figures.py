"""The three figures of a report, drawn from the same numbers as its tables."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from maskbank.report.aggregate import pretrained_means, seeded_means, transfer_means
from maskbank.report.style import Drawing, colour, empty_panel, house_style, label, marker
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


def accuracy_figure(records: pd.DataFrame) -> Drawing:
    """Accuracy against budget: a row a backbone and allocation, a column a T."""
    data = transfer_means(records)
    shown = data[data.accuracy.notna()]
    rows = list(shown.groupby(["backbone", "allocation", "bn", "budget_kind"], sort=True))
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
            handles = {
                name: handle
                for axes in panels.flat
                for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
            }
            figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(len(handles), 6))
    n = number_range(shown.n) if len(shown) else "0"
    caption = (
        f"Accuracy after T steps against the fraction kept, n = {n} splits. Lines: means over splits; bands: 95 % "
        "t-intervals of each mean. Methods share splits, so that bands that overlap do not show equality; the tests of "
        "paired differences (Wilcoxon signed-rank, Holm) are in the forest plot. Dashed: the dense reference."
    )
    alt = "Line plots of accuracy against fraction kept, one line a method, panels by steps and allocation."
    return Drawing("accuracy_by_budget", "Accuracy against budget", caption, alt, data, figure)


def accuracy_panel(axes: Axes, group: pd.DataFrame) -> None:
    """One line a method with its band; the reference as a level."""
    for method, own in group.groupby("method", sort=True):
        name, own = str(method), own.sort_values("budget_asked")
        level, width = 100 * own.accuracy, 100 * own.half_width.fillna(0)
        if (own.role == "reference").all():
            axes.axhline(level.iloc[0], color=colour(name), linestyle="--", label=label(name))
            axes.axhspan(
                level.iloc[0] - width.iloc[0], level.iloc[0] + width.iloc[0], color=colour(name), alpha=0.08, lw=0
            )
        else:
            axes.plot(own.budget_asked, level, color=colour(name), marker=marker(name), markersize=4, label=label(name))
            axes.fill_between(own.budget_asked, level - width, level + width, color=colour(name), alpha=0.13, lw=0)
    if len(group):
        budget_axis(axes, sorted(group.budget_asked.unique()))


def compression_figure(records: pd.DataFrame) -> Drawing:
    """Accuracy after compression by recipe, and of sparse training by method: a panel a backbone and kind."""
    data = seeded_means(records)
    shown, dense = data[data.accuracy.notna()], pretrained_means(records)
    panels = list(shown.groupby(["stage", "backbone", "budget_kind"], sort=True))
    columns = min(max(len(panels), 1), 3)
    lines = -(-max(len(panels), 1) // columns)
    with house_style():
        figure = Figure(figsize=(3.1 * max(columns, 2), 3.3 * lines), layout="constrained")
        if not panels:
            empty_panel(figure, "no compression and no sparse training has an accuracy")
        else:
            grid = figure.subplots(lines, columns, squeeze=False).flat
            for axes, (labels, group) in zip(grid, panels, strict=False):
                stage, backbone, kind = map(str, labels)
                compression_panel(axes, group, "recipe" if stage == "compress" else "method")
                same = dense[(dense.backbone == backbone) & dense.recipe.isin(group.recipe)]
                for row in same.itertuples():
                    axes.axhline(100 * row.accuracy, color=colour(row.recipe), linestyle=":", linewidth=1)
                budget_axis(
                    axes,
                    sorted(group.budget_asked.unique()),
                    "bits a weight" if kind == "bits" else "fraction of weights kept",
                )
                axes.set_title(f"{backbone}, {'one-shot' if stage == 'compress' else 'sparse training'}")
                axes.set_ylabel("accuracy (points)")
                axes.legend(loc="lower right", handlelength=2.6)
            for axes in list(grid)[len(panels) :]:
                axes.set_axis_off()
    n = number_range(shown.n) if len(shown) else "0"
    caption = (
        f"Accuracy after one-shot compression by recipe and of sparse training by method, n = {n} seeds. Points: means; "
        "bars: ± one sample sd over seeds, not an interval of the mean. Solid: BN re-estimated or not concerned; dashed: BN kept. "
        "Dotted: the pretrained nets before compression. Paired tests over seeds stand among the claims; below 6 seeds none is made."
    )
    alt = "Line plots of accuracy against fraction of weights kept and against bits, by recipe and method."
    return Drawing("compression", "Compression and sparse training", caption, alt, data, figure)


def compression_panel(axes: Axes, group: pd.DataFrame, by: str) -> None:
    """One line a name and BN handling, with bars of one sd."""
    both = group.bn.nunique() > 1
    for (name, bn), own in group.groupby([by, "bn"], sort=True):
        own = own.sort_values("budget_asked")
        dashed = bn == "kept" and both
        axes.errorbar(
            own.budget_asked, 100 * own.accuracy, yerr=100 * own.sd.fillna(0), capsize=2, markersize=4, elinewidth=0.9,
            color=colour(str(name)), marker=marker(str(name)), linestyle="--" if dashed else "-",
            markerfacecolor="white" if dashed else colour(str(name)), label=label(str(name)) + (", BN kept" if dashed else ""),
        )  # fmt: skip


def forest_figure(comparisons: pd.DataFrame, margin: float) -> Drawing:
    """Headline differences to each rival, a panel a setting."""
    data = comparisons[comparisons.kind == "headline"].drop(columns=["kind", "budget_asked", "steps"])
    shown = data[data.difference.notna()]
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
    caption = (
        f"{method} minus each rival, averaged over budgets and steps, in points; n = {number_range(shown.n) if len(shown) else 0} "
        "splits. Bars: 95 % percentile bootstrap (splits, then tasks). p: exact Wilcoxon signed-rank over splits, Holm over the "
        f"headlines of a panel. Grey: ± {points_text(margin)}, the margin of equivalence. Hollow: no test, as blocks are incomplete "
        "or splits fewer than 6."
    )
    alt = f"Forest plot of the difference of {method} to each rival with intervals and corrected p-values."
    return Drawing("forest", f"{method} against each rival", caption, alt, data, figure)


def points_text(margin: float) -> str:
    return f"{100 * margin:g} points"


def forest_panel(axes: Axes, group: pd.DataFrame, rivals: list[str], margin: float) -> None:
    """A row a rival; the corrected p at the right edge."""
    axes.axvspan(-100 * margin, 100 * margin, color="#BBBBBB", alpha=0.35, lw=0)
    axes.axvline(0, color="#555555", linewidth=0.9)
    for row in group.itertuples():
        height, tested = rivals.index(row.rival), row.status == "tested"
        if np.isfinite(row.ci_low):
            axes.plot([100 * row.ci_low, 100 * row.ci_high], [height, height], color=colour(row.rival), linewidth=2)
        axes.plot(
            [100 * row.difference], [height], color=colour(row.rival), marker=marker(row.rival), markersize=6, linestyle="none",
            markerfacecolor=colour(row.rival) if tested else "white",
        )  # fmt: skip
        text = f"p = {row.p_holm:.3f}" if tested else row.status
        axes.annotate(text, (1.02, height), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.set_yticks(range(len(rivals)), [label(name) for name in rivals])
    axes.set_ylim(len(rivals) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
