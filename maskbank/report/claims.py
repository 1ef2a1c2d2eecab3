"""Forest of the papers' claims: what was measured for each, and its verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from maskbank.report.forest import ZERO, beside, draw_interval
from maskbank.report.frames import Line, fitted, panel_lines
from maskbank.report.style import Drawing, label
from maskbank.report.venues import Venue
from maskbank.report.words import number_range
from maskbank.statistics.claim import DIFFERENCE
from maskbank.statistics.outcomes import CONTRADICTED, INCONCLUSIVE, SUPPORTED
from maskbank.statistics.recipe_claims import PERCENT

LOOKS: dict[str, dict[str, Any]] = {  # verdict -> colour and mark, told apart in grey by shape and filling
    SUPPORTED: {"color": "#0072B2", "marker": "o"},
    CONTRADICTED: {"color": "#D55E00", "marker": "X"},
    INCONCLUSIVE: {"color": "#767676", "marker": "s", "markerfacecolor": "white"},
}
LABELS = ["paper", "quantity", "claim", "hypothesis", "where", "contrast", "verdict"]
MEASURED = ["setting", "unit", "n", "difference", "ci_low", "ci_high", "p_used", "status"]
WIDTH, ROW, NAMES = 6.0, 0.32, 1.9  # inches: of a panel, of a claim in it, and of the names beside it
LEVELS = {DIFFERENCE: 0.0, PERCENT: 100.0}  # quantity -> what would say that nothing differs
UNITS = {DIFFERENCE: "difference (points)", PERCENT: PERCENT}


def claim_rows(claims: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a number measured for a claim (of claims.json), with LABELS, MEASURED and `first`.

    `first` marks the one that the verdict names first; numbers are fractions.
    """
    found: list[list[object]] = []
    for claim in claims:
        known = [each for each in claim["measured"] if each["difference"] is not None]
        labels = [claim["id"] if name == "claim" else claim[name] for name in LABELS]
        found += [[*labels, *(each[name] for name in MEASURED), each is known[0]] for each in known]
    frame = pd.DataFrame(found, columns=[*LABELS, *MEASURED, "first"])
    return frame.astype(dict.fromkeys(["difference", "ci_low", "ci_high", "p_used"], float))


def claims_figure(rows: pd.DataFrame, claims: int) -> Drawing:
    """From `claim_rows`, of so many claims: a panel a paper and quantity, a row a claim and where it was measured."""

    def draw(venue: Venue) -> Figure:
        lines = [
            Line("", [(f"{paper}: {quantity}", own)], ROW * max(own.claim.nunique(), 2) + 0.6)
            for (paper, quantity), own in rows.groupby(["paper", "quantity"], sort=False)
        ]
        key = [
            (verdict, Line2D([], [], linestyle="none", **look))
            for verdict, look in LOOKS.items()
            if (rows.verdict == verdict).any()
        ]
        return panel_lines(venue, lines, claims_panel, width=WIDTH, most=1, key=key)

    first = rows[rows["first"]] if len(rows) else rows
    units = " or ".join(sorted(set(first.unit)))
    caption = (
        f"What decides each claim, and its verdict; n = {number_range(first.n)} {units}, bars 95 % t-intervals; the test is "
        "named with each claim."
    )
    notes = (
        "Large marks: the number that stands first in the claim's table; small ones: the others, among them those that the "
        "verdict also asks for. Differences in points, other quantities in percent. At the right: verdict, and n of the large "
        f"mark. {claims - len(first)} of {claims} claims were not measured in these records. Verdicts are of our reading of "
        "each method, in this setting."
    )
    alt = "Forest plot with a row a claim: its effect with an interval, coloured and marked by verdict."
    return Drawing("claims", "The papers' claims", caption, notes, alt, rows, draw)


def claims_panel(axes: Axes, rows: pd.DataFrame) -> None:
    names, quantity = list(dict.fromkeys(rows.claim)), str(rows.quantity.iloc[0])
    if quantity in LEVELS:
        axes.axvline(LEVELS[quantity], color=ZERO, linewidth=0.9)
    for row in rows.to_dict("records"):
        height, look = names.index(row["claim"]), LOOKS[row["verdict"]]
        values = [100 * row[name] for name in ("difference", "ci_low", "ci_high")]
        if not row["first"]:
            axes.plot(values[:1], [height + 0.28], ".", color=look["color"], markersize=2.5, alpha=0.6)
            continue
        draw_interval(axes, height, values, markersize=5, **look)
        beside(axes, height, f"{row['verdict']}, n {row['n']}")
    size = mpl.rcParams["axes.titlesize"] / mpl.rcParams["ytick.labelsize"]
    words = [fitted(" ".join(map(label, name.split("-"))), NAMES * size) for name in names]
    axes.set_yticks(range(len(names)), words)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(UNITS.get(quantity, f"{quantity} (%)"))
    axes.grid(axis="y", visible=False)
