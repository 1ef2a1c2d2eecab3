"""Forest of the papers' claims: what was measured for each, and its verdict."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from maskbank.report.facets import Line, facets, fitted, title_size
from maskbank.report.marks import Interval, beside, intervals
from maskbank.report.panels import in_points
from maskbank.report.run import Run
from maskbank.report.style import label
from maskbank.report.venues import Venue
from maskbank.report.words import number_range
from maskbank.statistics.claim import DIFFERENCE
from maskbank.statistics.judges import CONTRADICTED, INCONCLUSIVE, SUPPORTED
from maskbank.statistics.studies.sharpness import PERCENT

ORDER = 10
TITLE = "The papers' claims"
CAPTION = "What decides each claim, and its verdict; n = {n} {units}, bars 95 % t-intervals; the test is named with each claim."
NOTES = (
    "Large marks: the number that stands first in the claim's table; small ones: the others, among them those that the "
    "verdict also asks for. Differences in points, other quantities in percent. At the right: verdict, and n of the large "
    "mark. {absent} of {claims} claims were not measured in these records. Verdicts are of our reading of each method, in "
    "this setting."
)
ALT = "Forest plot with a row a claim: its effect with an interval, coloured and marked by verdict."
LOOKS: dict[str, dict[str, Any]] = {  # verdict -> colour and mark, distinct in grey by shape and filling
    SUPPORTED: {"color": "#0072B2", "marker": "o"},
    CONTRADICTED: {"color": "#D55E00", "marker": "X"},
    INCONCLUSIVE: {"color": "#767676", "marker": "s", "markerfacecolor": "white"},
}
LABELS = ["paper", "quantity", "claim", "hypothesis", "where", "contrast", "verdict"]
MEASURED = ["setting", "unit", "n", "difference", "ci_low", "ci_high", "p_used", "status"]
WIDTH, ROW, NAMES = 6.0, 0.32, 1.9  # inches: of a panel, of a claim in it, and of the names beside it
LEVELS = {DIFFERENCE: 0.0, PERCENT: 100.0}  # quantity -> what would say that nothing differs
UNITS = {DIFFERENCE: "difference (points)", PERCENT: PERCENT}


def read(run: Run) -> pd.DataFrame:
    """One row a number measured for a claim (of claims.json), with LABELS, MEASURED and `first`.

    `first` marks the one that the verdict names first; numbers are fractions.
    """
    found: list[list[object]] = []
    for claim in run.claims:
        known = [each for each in claim["measured"] if each["difference"] is not None]
        labels = [claim["id"] if name == "claim" else claim[name] for name in LABELS]
        found += [[*labels, *(each[name] for name in MEASURED), each is known[0]] for each in known]
    frame = pd.DataFrame(found, columns=[*LABELS, *MEASURED, "first"])
    return frame.astype(dict.fromkeys(["difference", "ci_low", "ci_high", "p_used"], float))


def words(run: Run, data: pd.DataFrame) -> dict[str, Any]:
    first, claims = data[data["first"].astype(bool)], len(run.claims)
    units = " or ".join(sorted(set(first.unit)))
    return {"n": number_range(first.n), "units": units, "absent": claims - len(first), "claims": claims}


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    """A panel a paper and quantity, a row a claim and where it was measured."""
    lines = [
        Line("", [(f"{paper}: {quantity}", own)], ROW * max(own.claim.nunique(), 2) + 0.6)
        for (paper, quantity), own in data.groupby(["paper", "quantity"], sort=False)
    ]
    key = [
        (name, Line2D([], [], linestyle="none", **look)) for name, look in LOOKS.items() if name in set(data.verdict)
    ]
    return facets(venue, lines, panel, width=WIDTH, most=1, key=key)


def panel(axes: Axes, rows: pd.DataFrame) -> None:
    names, quantity = list(dict.fromkeys(rows.claim)), str(rows.quantity.iloc[0])
    marks = []
    for row in rows.to_dict("records"):
        look = LOOKS[row["verdict"]]
        if row["first"]:
            marks.append(Interval(row["claim"], *in_points(row), look | {"markersize": 5}))
            beside(axes, names.index(row["claim"]), f"{row['verdict']}, n {row['n']}")
        else:
            height = names.index(row["claim"]) + 0.28
            axes.plot([100 * row["difference"]], [height], ".", color=look["color"], markersize=2.5, alpha=0.6)
    size = NAMES * title_size()
    intervals(
        axes,
        marks,
        names,
        words=lambda name: fitted(" ".join(map(label, name.split("-"))), size),
        at=LEVELS.get(quantity),
    )
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(UNITS.get(quantity, f"{quantity} (%)"))
