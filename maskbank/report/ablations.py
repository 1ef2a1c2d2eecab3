"""Ablations as a table and a forest plot."""

from collections.abc import Hashable
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskbank.report.forest import HOLLOW, beside, draw_difference, forest_grid
from maskbank.report.style import Drawing, label
from maskbank.report.tables import Cell, Sheet
from maskbank.report.venues import Venue
from maskbank.report.words import MDE, detectable, number_range, points, setting_title
from maskbank.statistics.contrast import TESTED

HEAD = (
    "setting",
    "method",
    "variant",
    "bank",
    "keep",
    "T",
    "difference",
    "95 % interval",
    "n",
    "p",
    "MDE",
    "status",
)
DESCRIBED = "These contrasts describe: p is of each test alone, corrected for nothing, and no claim rests on it."


def ablations_table(data: pd.DataFrame) -> Sheet:
    """A row a setting, method and variant, from `statistics.ablation.ablations`."""
    rows = [tuple(map(Cell, line(row, setting_title(row, data)))) for row in data.to_dict("records")]
    caption = (
        "Each variant of a method minus the method as it is, in points: paired by split, task and seed, mean over the "
        "budgets (keep) and steps (T) at which both were run. n counts splits. Intervals: 95 % t-interval "
        "over splits; p: exact Wilcoxon signed-rank over splits. "
        f"{MDE} {DESCRIBED}"
    )
    return Sheet("ablations", "Ablations", caption, HEAD, tuple(rows), data, together=2)


def line(row: dict[Hashable, Any], title: str) -> list[str]:
    low, high = (points(row[key], signed=True) for key in ("ci_low", "ci_high"))
    p = f"{row['p']:.3f}" if row["status"] == TESTED else "–"
    bank = row["bank"] if row["bank"] == row["bank_default"] else f"{row['bank']}, not {row['bank_default']}"
    status = row["status"] + (f": {row['missing']}" if row["missing"] else "")
    return [
        title, label(row["method"]), label(row["variant"]), bank, row["budgets"], row["steps_averaged"],
        points(row["difference"], signed=True), f"{low} to {high}", str(row["n"]), p,
        detectable(row), status,
    ]  # fmt: skip


def ablations_figure(data: pd.DataFrame) -> Drawing:
    """Variant minus default, a panel a setting, a row a method and variant."""
    shown = data[data.difference.notna()]
    many = shown.method.nunique() > 1
    names = [f"{label(m)}: {label(v)}" if many else label(v) for m, v in zip(shown.method, shown.variant, strict=True)]
    shown = shown.assign(named=names)

    def panel(axes: Axes, group: pd.DataFrame, rows: list[str]) -> None:
        for _, row in group.iterrows():
            draw_difference(axes, row, rows.index(row.named), row.method)
            beside(axes, rows.index(row.named), f"n {row.n}" if row.status == TESTED else row.status)

    def draw(venue: Venue) -> Figure:
        return forest_grid(venue, shown, "named", panel, "variant minus default (points)")

    caption = (
        f"Each variant of a method minus the method as it is; n = {number_range(shown.n)} splits, bars 95 % t-intervals; no test "
        "is drawn."
    )
    notes = f"In points, mean over the budgets and steps at which both were run. {HOLLOW} {DESCRIBED}"
    alt = "Forest plot of the difference of each variant to the method as it is, with intervals."
    return Drawing("ablations", "Ablations", caption, notes, alt, shown, draw)
