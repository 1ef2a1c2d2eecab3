"""Every method against every other: a square a setting, row minus column in points."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure as Canvas

from maskbank.report.facets import Line, facets
from maskbank.report.marks import heat
from maskbank.report.run import Run
from maskbank.report.settings import by_setting
from maskbank.report.style import label
from maskbank.report.venues import Venue
from maskbank.statistics.matrix import COLUMNS
from maskbank.statistics.transfer import SETTING

ORDER = 60
TITLE = "Every method against every other"
CAPTION = (
    "Row minus column in points; n = {n} splits, no interval; p: t-test over splits, Holm over all pairs, bold at 0.05 or "
    "below."
)
NOTES = (
    "In each cell: the difference, splits won/tied/lost, and p; where cells are narrow the difference alone, or where they "
    "are narrower still a dot where p is at most 0.05. All numbers are in the csv."
)
ALT = "Heat maps of pairwise differences."
CELL, NAMES, ACROSS = 0.5, 1.3, 2  # inches of a cell of the matrix, and of names beside it; panels side by side
WHOLE, SOME = 0.42, 0.26  # inches a cell needs for all its numbers, and for one


def read(run: Run) -> pd.DataFrame:
    """One row an ordered pair of ranked methods in each setting, with the setting; differences are in points."""
    found = [board.setting | pair.model_dump() for board in run.boards for pair in board.pairwise]
    return pd.DataFrame(found, columns=[*SETTING, *COLUMNS]).astype(dict.fromkeys(("difference", "p", "p_holm"), float))


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    size = CELL * int(data.groupby(SETTING).left.nunique().max()) + NAMES
    lines = [Line("", by_setting(data), min(size, venue.text or size))]
    return facets(venue, lines, panel, width=size, most=ACROSS, share_y=False)


def panel(axes: Axes, group: pd.DataFrame) -> None:
    """Methods by their mean difference, the best first; as many numbers as a cell holds."""
    wide = group.pivot(index="left", columns="right", values="difference")
    names = list(wide.mean(axis=1).sort_values(ascending=False, kind="stable").index)
    square = wide.reindex(index=names, columns=names).astype(float)
    figure, grid = axes.get_figure(root=True), axes.get_subplotspec().get_gridspec()  # type: ignore[union-attr]
    room = (figure.get_figwidth() / grid.ncols - NAMES) / len(names)  # type: ignore[union-attr]
    texts, bold = np.full(square.shape, "", dtype=object), np.zeros(square.shape, dtype=bool)
    for row in group.to_dict("records"):
        at = names.index(row["left"]), names.index(row["right"])
        texts[at], bold[at] = said(row, room), row["p_holm"] <= 0.05
    most = max(float(np.nanmax(np.abs(square))), 1e-9)
    heat(
        axes, square.rename(label).rename(columns=label), TwoSlopeNorm(0, -most, most), "PuOr_r", texts, bold, turned=40
    )


def said(row: dict, room: float) -> str:
    """What stands in a cell so many inches wide."""
    difference, p = f"{row['difference']:+.1f}".replace("-", "−"), row["p_holm"]
    if room < WHOLE:
        return difference if room >= SOME else "•" * bool(p <= 0.05)
    words = "" if np.isnan(p) else f"p {p:.2g}" if p >= 0.001 else "p <.001"
    return "\n".join(filter(None, (difference, f"{row['wins']}/{row['ties']}/{row['losses']}", words)))
