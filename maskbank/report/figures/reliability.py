"""How good the masks of a bank are: a line of panels a model: repeats, layers, accuracies, and overlap against cost."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from maskbank.report.facets import Line, facets
from maskbank.report.marks import Interval, intervals, missing, points, ticks_of
from maskbank.report.reliability import ALL, CEILINGS, REPEATS, Looks, latest, layers_of, n_of, pick
from maskbank.report.run import Run
from maskbank.report.venues import Venue
from maskbank.report.words import relation_words
from maskbank.statistics.correlation import RELATION

ORDER = 290
TITLE = "How good the masks of a bank are"
CAPTION = (
    "How well masks repeat and serve; means over n = {n} splits of bank tasks, {targets} of targets, bars 95 % t-intervals; no "
    "test."
)
NOTES = (
    "From the left: overlap (IoU) of a bank's masks when they are made "
    "again, and of the target's own mask made again; the same layer by layer for the first bank by name; accuracy of "
    "targets with their own mask (which needs their training) and with entries of the bank, the best of them chosen on "
    "the test images and so flattered; overlap under another seed against what a mask costs, one point a bank."
)
ALT = "Panels of mask overlap by bank and by layer, of accuracies with single masks, and of overlap against cost."


def read(run: Run) -> pd.DataFrame:
    return run.reliability


def words(run: Run, data: pd.DataFrame) -> dict[str, Any]:
    return {"n": n_of(data, tuple(REPEATS)), "targets": n_of(data, tuple(CEILINGS))}


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    lines = [
        Line(relation_words((*labels, "")).removesuffix(", bank "), panels_of(own), height_of(own))
        for labels, own in data.groupby(RELATION[:3], sort=True)
    ]
    key = [
        (words, Line2D([], [], color=tint, marker=shape, linestyle="none"))
        for measure, (words, tint, shape) in (REPEATS | CEILINGS).items()
        if measure in set(data.measure)
    ]
    return facets(venue, lines, lambda axes, part: part(axes), width=2.95, most=4, share_y=False, key=key)


def height_of(own: pd.DataFrame) -> float:
    layers = own[own.measure.isin(REPEATS)].setting.nunique()
    return float(max(0.3 * own.bank.nunique() + 1.1, 0.26 * layers + 1.0, 2.4))


def panels_of(own: pd.DataFrame) -> list[tuple[str, Callable[[Axes], None]]]:
    """Titles and what draws the panels of one backbone."""
    names, at = sorted(own.bank.unique()), latest(own)
    again = REPEATS | {"overlap_own": CEILINGS["accuracy_of_own"]}
    first = own[own.bank == next((name for name in names if own[own.bank == name].measure.isin(REPEATS).any()), "")]
    whole, layers, last = own[own.setting == ALL], first[first.setting != ALL], own[own.setting == at]
    by_layer = f"by layer{f', bank {first.bank.iloc[0]}' if len(first) else ''}"
    accuracy = f"accuracy of targets{f', T = {at}' if at else ''}"
    return [
        ("overlap of masks", partial(dots, rows=whole, looks=again, by="bank", names=names, xlabel="IoU")),
        (by_layer, partial(dots, rows=layers, looks=REPEATS, by="setting", names=layers_of(first), xlabel="IoU")),
        (accuracy, partial(dots, rows=last, looks=CEILINGS, by="bank", names=names, xlabel="accuracy (points)", scale=100)),
        ("overlap against cost", partial(against_cost, own=own)),
    ]  # fmt: skip


def dots(
    axes: Axes, rows: pd.DataFrame, looks: Looks, by: str, names: list[str], xlabel: str, scale: float = 1
) -> None:
    """A line a name, in it a mark with its interval a measure, set apart a little."""
    shown, marks = [measure for measure in looks if (rows.measure == measure).any()], []
    for row in rows[rows.measure.isin(shown) & rows[by].isin(names)].to_dict("records"):
        _, tint, shape = looks[row["measure"]]
        shift = 0.14 * (shown.index(row["measure"]) - (len(shown) - 1) / 2)
        mean, low, high = (scale * row[name] for name in ("mean", "low", "high"))
        marks.append(Interval(row[by], mean, low, high, {"color": tint, "marker": shape}, shift=shift))
    if not shown:
        missing(axes, "not measured")
    intervals(axes, marks, names, words=str, at=None)
    axes.set_xlabel(xlabel)
    if scale == 1:
        axes.set_xlim(left=0)


def against_cost(axes: Axes, own: pd.DataFrame) -> None:
    """IoU under another seed against MACs of a mask, a point a bank, named."""
    banks = own.groupby("bank", sort=True)
    found = [(str(name), pick(rows, "iou_reseeded"), pick(rows, "train_macs")) for name, rows in banks]
    known = [(float(macs["mean"]), name, each) for name, each, macs in found if each is not None and macs is not None]
    _, tint, shape = REPEATS["iou_reseeded"]
    for place, (macs, name, overlap) in enumerate(
        sorted((each for each in known if each[0] > 0), key=lambda each: each[0])
    ):
        y, reach = overlap["mean"], 0.0 if np.isnan(overlap.high) else overlap.high - overlap["mean"]
        points(axes, [macs], [y], {"color": tint, "marker": shape, "markersize": 4.5, "elinewidth": 1.2}, reach)
        side = -1 if place % 2 else 1  # names above and below in turn, so that neighbours do not collide
        axes.annotate(
            name, (macs, y + side * reach), xytext=(0, 3 * side), textcoords="offset points", ha="center",
            va="top" if side < 0 else "bottom", fontsize="small",
        )  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
        axes.xaxis.set_major_formatter(ticks_of(lambda value: f"{value:.0e}".replace("e+", "e")))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.4, y=0.15)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("MACs to make a mask")
    axes.set_ylabel("IoU, another seed")
