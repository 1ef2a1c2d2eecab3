"""Accuracy of structured pruning, alone and under attack: a line of panels a model and setting, a column an attack."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from maskbank.report.facets import Line, facets
from maskbank.report.marks import curve, missing, points, ticks_of
from maskbank.report.robustness import attack_label, setting_label
from maskbank.report.run import Run
from maskbank.report.style import label, look
from maskbank.report.venues import Venue
from maskbank.statistics.kept import SETTING, attack_order

ORDER = 220
TITLE = "Robustness of structured pruning"
CAPTION = (
    "Accuracy after structured pruning, alone and under attack; means over n = {n} pretraining seeds, bars ± one sd, no "
    "interval; no test."
)
NOTES = (
    "Nothing is fine-tuned. Each attack (L-infinity, eps in pixels of 0 to 1, steps and restarts in the parameters) is on "
    "the pruned model itself. Bars: ± one sample sd over seeds. At 0 %: the dense control. "
    "Points are set apart a little where methods share a budget. The claims hold what is tested, "
    "and below 6 seeds nothing is."
)
ALT = "Line plots of accuracy against the fraction removed, one line a method, a column an attack."
OF_WHAT = {"units": "units", "params": "parameters", "macs": "MACs", "bytes": "bytes", "peak": "peak memory"}


def read(run: Run) -> pd.DataFrame:
    return run.structured[run.structured.value.notna()]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    attacks, lines = sorted(set(data.attack), key=attack_order), []
    for _, group in data.groupby(SETTING, sort=True):
        panels = [(attack_label(attack), (group[group.attack == attack], group)) for attack in attacks]
        lines.append(Line(setting_label(group.iloc[0].to_dict()), panels, 2.1))
    names = [(label(name), name) for name in sorted(set(data.method))]
    names += [("dense control", "dense")] if data.dense.notna().any() else []
    key = [(words, Line2D([], [], **look(name))) for words, name in names]
    return facets(venue, lines, panel, width=2.05, key=key, ylabel="accuracy (points)")


def panel(axes: Axes, given: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """One line a method from the dense control at 0, the method above its rivals; `line` are all rows of its line of panels."""
    group, line = given
    if group.empty:
        missing(axes, "not attacked")
    methods = sorted(set(group.method))
    for place, (method, rows) in enumerate(group.groupby("method", sort=True)):
        seen, own = (
            look(str(method), markersize=4, zorder=3 if rows.role.iloc[0] == "method" else 2),
            rows.sort_values("removed"),
        )
        start = own[["dense", "dense_sd"]].iloc[:1].dropna(subset="dense").assign(removed=0.0)
        start = start.rename(columns={"dense": "value", "dense_sd": "sd"})
        own = own.assign(removed=own.removed + 0.006 * (place - (len(methods) - 1) / 2))
        course = pd.concat([start, own[["removed", "value", "sd"]]])
        curve(axes, course.removed, 100 * course.value, seen | {"marker": ""})
        points(axes, own.removed, 100 * own.value, seen, 100 * own.sd)
    control = group[group.dense.notna()].head(1)
    points(
        axes, [0.0] * len(control), 100 * control.dense, look("dense", markersize=5, zorder=4), 100 * control.dense_sd
    )
    axes.set_xlim(-0.04, max(0.7, group.removed.max() + 0.04 if len(group) else 0))
    axes.xaxis.set_major_formatter(ticks_of(lambda value: f"{100 * value:g}"))
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"{OF_WHAT[line.budget_kind.iloc[0]]} removed (%)")
