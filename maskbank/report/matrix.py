"""Pairwise matrix and performance profiles of the boards."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskbank.config import Compare
from maskbank.report.panels import MANY, legend_shape, look, methods_of
from maskbank.report.settings import by_setting
from maskbank.report.style import Drawing, colour, empty_panel, house_style, label
from maskbank.report.tables import number_range
from maskbank.statistics.boards import ranked_methods, ranked_scores
from maskbank.statistics.contrast import generator_for
from maskbank.statistics.crossed import Crossed, Design, design
from maskbank.statistics.matrix import COLUMNS, pairwise_matrix
from maskbank.statistics.pairing import SETTING, setting_name, settings, transfer_rows
from maskbank.statistics.profiles import PROFILE, performance_profiles, relative

CELL, ACROSS = 0.62, 2  # inches a cell of the matrix; panels side by side
NOTHING = "no setting in which two methods have every cell"


@dataclass(frozen=True)
class Ranked:
    """The ranked methods of one setting, with the reference where it is whole."""

    setting: dict[str, str]
    design: Design
    scores: Crossed


def ranked(records: pd.DataFrame) -> list[Ranked]:
    """Each setting of the transfer rows: what matrix and profiles are of."""
    given = [(setting, design(rows)) for setting, rows in settings(transfer_rows(records))]
    return [Ranked(setting, own, ranked_scores(own)) for setting, own in given]


def matrix_rows(given: list[Ranked]) -> pd.DataFrame:
    """One row an ordered pair of ranked methods in each setting, with the setting; differences are in points."""
    found = [pairwise_matrix(each.scores.only(ranked_methods(each.design))).assign(**each.setting) for each in given]
    frame = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*COLUMNS, *SETTING])
    return frame[[*SETTING, *COLUMNS]]


def profile_rows(given: list[Ranked], params: Compare) -> pd.DataFrame:
    """Performance profiles of each setting that has a whole reference, with roles and the number of splits."""
    found = []
    for each in given:
        scores, reference = each.scores, each.design.reference
        if reference and len(scores.methods) > 1:
            generator = generator_for(f"profiles/{setting_name(each.setting)}", params.seed)
            own = performance_profiles(relative(scores, reference), params.resamples, generator)
            found.append(own.assign(**each.setting, role=own.method.map(each.design.roles), n=len(set(scores.splits))))
    columns = [*SETTING, "role", "n", *PROFILE]
    return (pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns))[columns]


def matrix_figure(rows: pd.DataFrame) -> Drawing:
    """A square a setting: row minus column in points, splits won, tied and lost, adjusted p."""
    panels = by_setting(rows)
    sizes = [CELL * group.left.nunique() + 1.5 for _, group in panels]
    with house_style():
        lines = -(-len(panels) // ACROSS)
        heights = [max(sizes[line * ACROSS : (line + 1) * ACROSS]) for line in range(lines)]
        across = min(ACROSS, max(len(panels), 1))
        figure = Figure(
            figsize=(max(sizes, default=4) * across + 0.5, sum(heights) if panels else 2.2), layout="constrained"
        )
        if panels:
            grid = figure.subplots(lines, across, squeeze=False, gridspec_kw={"height_ratios": heights}).ravel()
            for axes, (title, group) in zip(grid, panels, strict=False):
                draw_matrix(axes, group)
                axes.set_title(title, loc="left", fontsize=8.5)
            for axes in grid[len(panels) :]:
                axes.set_axis_off()
        else:
            empty_panel(figure, NOTHING)
    caption = (
        "Row minus column: difference in points, splits won/tied/lost, and p (t-test over splits, Holm over all pairs of the "
        f"board; bold where it is at most 0.05). n = {number_range(rows.n)} splits."
    )
    return Drawing(
        "matrix", "Every method against every other", caption, "Heat maps of pairwise differences.", rows, figure
    )


def draw_matrix(axes: Axes, group: pd.DataFrame) -> None:
    wide = group.pivot(index="left", columns="right", values="difference")
    names = list(wide.mean(axis=1).sort_values(ascending=False, kind="stable").index)
    square = wide.reindex(index=names, columns=names).to_numpy(float)
    most = max(float(np.nanmax(np.abs(square))), 1e-9)
    axes.imshow(square, cmap="PuOr_r", norm=TwoSlopeNorm(0, -most, most), aspect="auto")
    for row in group.to_dict("records"):
        y, x = names.index(row["left"]), names.index(row["right"])
        found = bool(row["p_holm"] <= 0.05)
        p = "" if np.isnan(row["p_holm"]) else f"\np {row['p_holm']:.2g}" if row["p_holm"] >= 0.001 else "\np <.001"
        text = f"{row['difference']:+.1f}\n{row['wins']}/{row['ties']}/{row['losses']}{p}".replace("-", "−")
        dark = abs(row["difference"]) > 0.6 * most
        axes.text(
            x, y, text, ha="center", va="center", fontsize=5.6, fontweight="bold" if found else "normal",
            color="white" if dark else "black",
        )  # fmt: skip
    axes.set_xticks(range(len(names)), [label(name) for name in names], rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), [label(name) for name in names])
    axes.grid(visible=False)


def profiles_figure(rows: pd.DataFrame) -> Drawing:
    """Share of runs that reach a share of dense accuracy; a panel a setting."""
    panels = by_setting(rows)
    with house_style():
        names = methods_of(rows) if len(rows) else []
        columns, legend = legend_shape([label(name) for name, _ in names], 6.5)
        lines = -(-len(panels) // ACROSS)
        figure = Figure(figsize=(6.5, 2.5 * lines + 0.19 * legend + 0.2 if panels else 2.2), layout="constrained")
        if panels:
            grid = figure.subplots(lines, ACROSS, squeeze=False, sharex=True, sharey=True).ravel()
            for axes, (title, group) in zip(grid, panels, strict=False):
                draw_profiles(axes, group)
                axes.set_title(title, loc="left", fontsize=8.5)
                axes.set_xlabel("τ: accuracy as a share of dense")
            for axes in grid[len(panels) :]:
                axes.set_axis_off()
            grid[0].set_ylabel("share of runs at τ or above")
            handles = [Line2D([], [], **look(*name) | {"marker": ""}) for name in names]
            figure.legend(handles, [label(name) for name, _ in names], loc="outside lower center", ncols=columns)
        else:
            empty_panel(figure, NOTHING)
    caption = (
        "Performance profiles: share of runs (task, seed; budgets and steps averaged) whose accuracy is at least τ times that of "
        f"dense on the same task; splits weigh the same, n = {number_range(rows.n)}. Bands, of the method and where methods are "
        "few: pointwise 95 %, bootstrap of splits, then tasks. No test."
    )
    alt = "Curves that fall from left to right; a curve above another is better at every level."
    return Drawing("profiles", "Performance profiles", caption, alt, rows, figure)


def draw_profiles(axes: Axes, group: pd.DataFrame) -> None:
    many = group.method.nunique() > MANY
    for method, role in methods_of(group)[::-1]:
        own = group[group.method == method].sort_values("tau")
        axes.plot(own.tau, own.share, **look(method, role) | {"marker": ""})
        if own.low.notna().all() and (not many or role == "method"):
            axes.fill_between(own.tau, own.low, own.high, color=colour(method), alpha=0.13, lw=0)
