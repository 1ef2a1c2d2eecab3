"""Pairwise matrix and performance profiles of the boards."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from maskbank.config import Compare
from maskbank.report.frames import Line, panel_lines
from maskbank.report.panels import MANY, look, method_key, methods_of
from maskbank.report.settings import by_setting
from maskbank.report.style import Drawing, colour, label
from maskbank.report.venues import Venue
from maskbank.report.words import number_range
from maskbank.statistics.boards import ranked_methods, ranked_scores
from maskbank.statistics.contrast import generator_for
from maskbank.statistics.crossed import Crossed, Design, design
from maskbank.statistics.matrix import COLUMNS, pairwise_matrix
from maskbank.statistics.pairing import SCORED, SETTING, setting_name, settings, transfer_rows
from maskbank.statistics.profiles import PROFILE, performance_profiles, relative

CELL, NAMES, ACROSS = 0.5, 1.3, 2  # inches of a cell of the matrix, and of names beside it; panels side by side
WHOLE, SOME = 0.42, 0.26  # inches a cell needs for all its numbers, and for one


@dataclass(frozen=True)
class Ranked:
    """The ranked methods of one setting, with the reference where it is whole."""

    setting: dict[str, str]
    design: Design
    scores: Crossed


def ranked(records: pd.DataFrame) -> list[Ranked]:
    """Each setting of the transfer rows: what matrix and profiles are of."""
    given = [(setting, design(rows)) for setting, rows in settings(transfer_rows(records[SCORED]))]
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

    def draw(venue: Venue) -> Figure:
        size = CELL * int(rows.groupby(SETTING).left.nunique().max()) + NAMES
        lines = [Line("", by_setting(rows), min(size, venue.text or size))]
        return panel_lines(venue, lines, draw_matrix, width=size, most=ACROSS, share_y=False, finish=write_cells)

    caption = (
        f"Row minus column in points; n = {number_range(rows.n)} splits, no interval; p: t-test over splits, Holm over all "
        "pairs, bold at 0.05 or below."
    )
    notes = (
        "In each cell: the difference, splits won/tied/lost, and p; where cells are narrow the difference alone, or where they "
        "are narrower still a dot where p is at most 0.05. All numbers are in the csv."
    )
    alt = "Heat maps of pairwise differences."
    return Drawing("matrix", "Every method against every other", caption, notes, alt, rows, draw)


def squared(group: pd.DataFrame) -> pd.DataFrame:
    """Differences [left, right] in points, the best mean first."""
    wide = group.pivot(index="left", columns="right", values="difference")
    names = list(wide.mean(axis=1).sort_values(ascending=False, kind="stable").index)
    return wide.reindex(index=names, columns=names)


def draw_matrix(axes: Axes, group: pd.DataFrame) -> None:
    square = squared(group)
    most = max(float(np.nanmax(np.abs(square))), 1e-9)
    axes.imshow(square.to_numpy(float), cmap="PuOr_r", norm=TwoSlopeNorm(0, -most, most), aspect="auto")
    names = [label(name) for name in square.index]
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.grid(visible=False)


def write_cells(axes: Axes, group: pd.DataFrame) -> None:
    """As many numbers as a cell of the panel holds."""
    square = squared(group)
    names, most = list(square.index), max(float(np.nanmax(np.abs(square))), 1e-9)
    figure = axes.get_figure(root=True)
    columns = axes.get_subplotspec().get_gridspec().ncols  # type: ignore[union-attr]
    cell = (figure.get_figwidth() / columns - NAMES) / len(names)  # type: ignore[union-attr]
    for row in group.to_dict("records"):
        found, difference = bool(row["p_holm"] <= 0.05), f"{row['difference']:+.1f}".replace("-", "−")
        counts = f"{row['wins']}/{row['ties']}/{row['losses']}"
        p = "" if np.isnan(row["p_holm"]) else f"p {row['p_holm']:.2g}" if row["p_holm"] >= 0.001 else "p <.001"
        words = (
            "\n".join(filter(None, (difference, counts, p)))
            if cell >= WHOLE
            else difference
            if cell >= SOME
            else "•" * found
        )
        dark = abs(row["difference"]) > 0.6 * most
        axes.text(
            names.index(row["right"]), names.index(row["left"]), words, ha="center", va="center", fontsize="x-small",
            fontweight="bold" if found else "normal", color="white" if dark else "black",
        )  # fmt: skip


def profiles_figure(rows: pd.DataFrame) -> Drawing:
    """Share of runs that reach a share of dense accuracy; a panel a setting."""

    def draw(venue: Venue) -> Figure:
        key = method_key(rows, marker="")
        return panel_lines(
            venue, [Line("", by_setting(rows), 2.4)], draw_profiles, width=3.2, most=ACROSS, key=key, share_x=True,
            xlabel="τ: accuracy as a share of dense", ylabel="share of runs at τ or above",
        )  # fmt: skip

    caption = (
        f"Share of runs with at least τ times dense's accuracy; n = {number_range(rows.n)} splits, bands pointwise 95 % "
        "bootstrap intervals; no test."
    )
    notes = (
        "A run is a task and seed, budgets and steps averaged, against dense on the same task; splits weigh the same. Bands are "
        "of the method, and of all where methods are few; the bootstrap draws splits, then tasks."
    )
    alt = "Curves that fall from left to right; a curve above another is better at every level."
    return Drawing("profiles", "Performance profiles", caption, notes, alt, rows, draw)


def draw_profiles(axes: Axes, group: pd.DataFrame) -> None:
    many = group.method.nunique() > MANY
    for method, role in methods_of(group)[::-1]:
        own = group[group.method == method].sort_values("tau")
        axes.plot(own.tau, own.share, **look(method, role) | {"marker": ""})
        if own.low.notna().all() and (not many or role == "method"):
            axes.fill_between(own.tau, own.low, own.high, color=colour(method), alpha=0.13, lw=0)
