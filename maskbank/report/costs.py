"""Accuracy against total cost: figures in MACs and in seconds, and the table of crossings."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from maskbank.report.figures import BANDS, counted
from maskbank.report.panels import draw_curves, panel_grid
from maskbank.report.style import Drawing, label
from maskbank.report.tables import Cell, Sheet
from maskbank.report.venues import Venue
from maskbank.report.words import setting_title
from maskbank.statistics.contrast import TESTED
from maskbank.statistics.costs import KINDS, UNKNOWN
from maskbank.statistics.crossing import CHANGES, CHEAPER, DEARER, FROM, UNTIL, Array
from maskbank.statistics.pairing import POINT, SETTING

NAMES = {"macs": "MACs", "seconds": "CPU seconds"}
PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
WHAT = (
    "Total cost of one task: choosing the units (as each method does it, also at T = 0), adapting for T steps, and all "
    "trials where the method was tuned, in full for each task. Pretraining and the making of the bank are not counted: "
    "both are done once for all tasks."
)


def cost_curves(means: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """`transfer_means` with the mean costs of `statistics.costs.cost_means`."""
    return means.merge(costs, on=[*SETTING, *POINT, "method"], how="left", validate="one_to_one")


def cost_figure(data: pd.DataFrame, kind: str) -> Drawing:
    """Accuracy against total cost, a curve a method over T: a line of panels a setting, a column a budget."""
    column, name = f"{kind}_total", {"macs": "accuracy_by_cost", "seconds": "accuracy_by_seconds"}[kind]
    shown = data[data.accuracy.notna() & data[column].notna()]

    def panel(axes: Axes, group: pd.DataFrame) -> None:
        draw_curves(axes, group, column)
        cost_axis(axes, group[column].to_numpy(float))
        axes.set_xlabel(f"total {NAMES[kind]}")

    def draw(venue: Venue) -> Figure:
        return panel_grid(venue, shown, "budget_asked", lambda budget: f"keep {budget:g}", panel)

    seconds = " Seconds are shown only where all come from one machine class." if kind == "seconds" else ""
    caption = counted(f"Accuracy against total cost in {NAMES[kind]}", shown)
    notes = (
        f"The points of a curve are its T. {WHAT}{seconds} {BANDS} "
        "Black: the dense reference. The axis is logarithmic; below the smallest positive cost of a panel it is linear, so "
        "that a cost of 0 has a place. Where curves cross is in the table of crossings."
    )
    alt = f"Line plots of accuracy against total {NAMES[kind]}, one curve a method, panels by setting and budget."
    return Drawing(name, f"Accuracy against total cost in {NAMES[kind]}", caption, notes, alt, shown, draw)


def cost_axis(axes: Axes, costs: Array) -> None:
    """Logarithmic, linear from 0 to the smallest positive cost where a cost is 0."""
    positive = costs[costs > 0]
    first, last = (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 1.0)
    zero = bool((costs == 0).any())
    if zero:
        axes.set_xscale("symlog", linthresh=first, linscale=0.5)
        axes.set_xlim(-0.25 * first, 1.4 * last)
    else:
        axes.set_xscale("log")
        axes.set_xlim(first / 1.3, last * 1.3)
    axes.xaxis.set_major_locator(FixedLocator([0.0] * zero + round_costs(first, last)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def round_costs(first: float, last: float) -> list[float]:
    """Round numbers from first to last: 1, 2, 5, or 1, 3, or 1 of every decade, or of every other."""
    decades = np.log10(last / first)
    digits = (1, 2, 5) if decades < 1.3 else (1, 3) if decades < 2.2 else (1,)
    powers = range(int(np.floor(np.log10(first))), int(np.ceil(np.log10(last))) + 1, 1 + int(decades // 5))
    return [
        digit * 10.0**power for power in powers for digit in digits if first / 1.2 <= digit * 10.0**power <= last * 1.3
    ]


def short(value: float) -> str:
    """A number with a prefix: 1.2G, 340M, 0.5."""
    for size, prefix in PREFIXES:
        if value >= size:
            return f"{value / size:.3g}{prefix}"
    return f"{value:.2g}"


def crossings_table(data: pd.DataFrame) -> Sheet:
    """A row a setting, budget and rival, a column a kind of cost, from `statistics.costs.crossings`."""
    rows = []
    for _, group in data.groupby([*SETTING, "budget_asked", "rival"], sort=False):
        first = group.iloc[0]
        cells = {row["cost_of"]: where(row) for row in group.to_dict("records")}
        status = first.status + (f": {first.missing}" if first.missing else "")
        texts = [setting_title(first.to_dict(), data), f"{first.budget_asked:g}", label(first.rival), first.role]
        rows.append(tuple(map(Cell, [*texts, *(cells[kind] for kind in KINDS), str(first.n), status])))
    method = label(str(data.method.iloc[0])) if len(data) else "the method"
    caption = (
        f"From which total cost the mean accuracy of {method} is above each other method's, on curves that are straight "
        "between the T measured on a logarithmic axis of cost, within the costs that both were measured at. In brackets: "
        "95 % percentile interval of that cost, by a bootstrap over splits (below, beyond: outside the costs measured), and "
        "the share of resamples with the same outcome. Dearer (cheaper) at every T: no cost was measured of both, as one's "
        f"first point costs more than the other's last. {WHAT} No test is made. n counts splits; with fewer than 6, or "
        "incomplete blocks, no interval is given."
    )
    head = ("setting", "keep", "against", "role", *(f"above, by {NAMES[kind]}" for kind in KINDS), "n", "status")
    return Sheet("crossings", f"Total cost at which {method} passes", caption, head, tuple(rows), data, together=2)


def where(row: dict[Hashable, Any]) -> str:
    """Where the method is above, in words: `from 1.2G [0.9G, beyond], 87 %`."""
    verdict = row["verdict"]
    if verdict in (UNKNOWN, DEARER, CHEAPER):
        return str(verdict)
    if verdict in (FROM, UNTIL):
        text = f"{verdict} {short(row['cost'])}"
    else:
        text = f"changes, last at {short(row['cost'])}" if verdict == CHANGES else str(verdict)
    if row["status"] != TESTED:
        return text
    ends = [edge(row[end]) for end in ("low", "high")] if verdict in (FROM, UNTIL) else []
    return text + (f" [{', '.join(ends)}]" if ends else "") + f", {100 * row['agreement']:.0f} %"


def edge(value: float) -> str:
    return short(value) if np.isfinite(value) else "beyond" if value > 0 else "below"
