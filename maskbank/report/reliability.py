"""How good a bank's masks are: whether they repeat, how near they come to the target's own, and what they cost."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from maskbank.records.schema import NONE
from maskbank.report.frames import Line, panel_lines
from maskbank.report.style import Drawing
from maskbank.report.tables import Cell, Sheet
from maskbank.report.venues import Venue
from maskbank.report.words import number_range, relation_words, spread_text
from maskbank.statistics.correlation import ACCURACY, RELATION, outcomes
from maskbank.statistics.effects import half_width
from maskbank.statistics.traces import CELLS, joined

DEFAULT, ALL = "default", "all"
# what is measured: (words, colour, marker)
REPEATS = {
    "iou_reseeded": ("another seed", "#0072B2", "o"),
    "iou_split_half": ("other images", "#009E73", "s"),
    "iou_random": ("chance", "#8C8C8C", "X"),
}
CEILINGS = {
    "accuracy_of_own": ("target's own mask", "#D55E00", "D"),
    "best_entry": ("best entry", "#332288", "^"),
    "leep_entry": ("entry of highest LEEP", "#CC79A7", "v"),
    "mean_entry": ("mean entry", "#E69F00", "P"),
}
OVERLAPS = ("overlap_own", "overlap", "overlap_random")
COSTS = ("train_macs", "cpu_seconds")
COLUMNS = [
    *RELATION, "method", "budget", "bank_steps", "measure", "setting", "n", "tasks", "mean", "sd", "low", "high",
    CELLS,
]  # fmt: skip


def over_splits(rows: pd.DataFrame) -> dict[Hashable, Any]:
    """Seeds, then tasks, then splits averaged; `rows` have cell_key, split, task, value. Sd and t-interval are of splits."""
    tasks = rows.dropna(subset="value").groupby(["split", "task"]).value.mean()
    splits = tasks.groupby("split").mean()
    mean, sd = float(splits.mean()), float(splits.std(ddof=1))
    half = half_width(sd, len(splits))
    numbers = {"n": len(splits), "tasks": len(tasks), "mean": mean, "sd": sd, "low": mean - half, "high": mean + half}
    return numbers | {CELLS: joined(rows.cell_key)}


def reliability_means(
    records: pd.DataFrame, metrics: pd.DataFrame, timings: pd.DataFrame, related: pd.DataFrame
) -> pd.DataFrame:
    """One row a bank, measure and setting, with COLUMNS; `related` is the `relation_table` of the records.

    Measures of the bank tasks: iou_reseeded, iou_split_half, iou_random (setting "all" or a layer), own_task (accuracy
    of an entry on its own task), train_macs and cpu_seconds a mask. Measures of the target tasks: OVERLAPS, and the
    accuracies of CEILINGS (setting: the T).
    """
    parts = [repeat_rows(records, metrics, timings), ceiling_rows(records, metrics, related)]
    long = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    made = recipes_of(records)
    found = [
        dict(zip([*RELATION, "measure", "setting"], labels, strict=True)) | over_splits(rows)
        for labels, rows in long.dropna(subset="value").groupby([*RELATION, "measure", "setting"], sort=True)
    ]
    frame = pd.DataFrame(found, columns=[name for name in COLUMNS if name not in ("method", "budget", "bank_steps")])
    return frame.merge(made, on=["backbone", "recipe", "bank"], how="left")[COLUMNS]


def recipes_of(records: pd.DataFrame) -> pd.DataFrame:
    """How each bank was made: maker, ratio kept and steps of each mask."""
    made = records[(records.stage == "prune") & (records.variant == DEFAULT)]
    names = {"budget_asked": "budget", "steps": "bank_steps"}
    made = made[["backbone", "recipe", "bank", "method", *names]].rename(columns=names)
    return made.drop_duplicates(["backbone", "recipe", "bank"])


def repeat_rows(records: pd.DataFrame, metrics: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """What each bank task's own cell says, one row a measure and setting."""
    cells = records[(records.stage == "prune") & (records.variant == DEFAULT)]
    cells = cells.drop_duplicates("cell_key", keep="last").merge(
        timings[["cell_key", "cpu_seconds"]], on="cell_key", how="left"
    )
    keys = ["cell_key", *RELATION, "split", "task"]
    repeats = metrics[metrics.metric.isin(REPEATS)].rename(columns={"metric": "measure"})
    repeats = repeats.astype({"value": float, "measure": object, "setting": object, "cell_key": object})
    own = cells.rename(columns={"accuracy": "own_task"}).melt(
        keys, ["own_task", *COSTS], var_name="measure", value_name="value"
    )
    found = [cells[keys].merge(repeats, on="cell_key"), own.assign(setting=ALL)]
    return pd.concat([each for each in found if len(each)] or found[1:], ignore_index=True)


def ceiling_rows(records: pd.DataFrame, metrics: pd.DataFrame, related: pd.DataFrame) -> pd.DataFrame:
    """What each target's cells say, one row a measure and setting: overlaps, and accuracies by T."""
    cells = records[records.stage == "relate"].drop_duplicates("cell_key")[["cell_key", *RELATION, "split", "task"]]
    own = metrics[metrics.metric.isin(["overlap_own", "accuracy_of_own"]) & (metrics.setting == NONE)]
    at = own.steps.astype(str).where(own.metric == "accuracy_of_own", ALL)
    own = pd.DataFrame({"cell_key": own.cell_key, "measure": own.metric, "setting": at, "value": own.value})
    found = [own, entry_rows(related)]
    rows = pd.concat([each for each in found if len(each)] or found[:1], ignore_index=True)
    return cells.merge(rows.drop_duplicates(["cell_key", "measure", "setting"]), on="cell_key")


def entry_rows(related: pd.DataFrame) -> pd.DataFrame:
    """Of each target's cell: mean overlaps, and the accuracy of the best, the mean and the most similar entry at each T."""
    cells, leep = related.groupby("cell_key"), related.similarity_leep
    nearest = related[leep.notna() & (leep == cells.similarity_leep.transform("max"))].groupby("cell_key")
    values = {(name, ALL): cells[name].mean() for name in ("overlap", "overlap_random")}
    for name in outcomes(related):
        if name.startswith(ACCURACY):
            at = name.partition("@")[2]
            values |= {("best_entry", at): cells[name].max(), ("mean_entry", at): cells[name].mean()}
            values |= {("leep_entry", at): nearest[name].mean()}
    rows = [
        pd.DataFrame({"cell_key": each.index, "measure": measure, "setting": setting, "value": each.to_numpy(float)})
        for (measure, setting), each in values.items()
    ]
    return pd.concat(rows, ignore_index=True)


def banks(data: pd.DataFrame) -> list[tuple[tuple[Any, ...], pd.DataFrame]]:
    return [(tuple(labels), rows) for labels, rows in data.groupby(RELATION, sort=True)]


def pick(rows: pd.DataFrame, measure: str, setting: str = ALL) -> pd.Series | None:
    """The one row of a bank's measure and setting."""
    found = rows[(rows.measure == measure) & (rows.setting == setting)]
    return found.iloc[0] if len(found) else None


def cost_text(row: pd.Series | None) -> str:
    return "–" if row is None else f"{row['mean']:.2g}".replace("e+", "e")


def latest(rows: pd.DataFrame) -> str:
    """The largest T at which entries were judged; "" where they were not."""
    steps = rows[rows.measure.isin(CEILINGS)].setting
    return max(steps, key=int) if len(steps) else ""


def reliability_table(data: pd.DataFrame) -> Sheet:
    """A row a bank, for all layers and then each, from `reliability_means`."""
    rows = []
    for labels, own in banks(data):
        made = own.iloc[0]
        how = "–" if pd.isna(made.method) else f"{made.method}, keep {made.budget:g}, {made.bank_steps:.0f} steps"
        alone = [
            spread_text(pick(own, "own_task"), 100, 1), cost_text(pick(own, "train_macs")),
            cost_text(pick(own, "cpu_seconds")),
        ]  # fmt: skip
        for layer in (ALL, *layers_of(own)):
            repeats = [spread_text(pick(own, measure, layer)) for measure in REPEATS]
            texts = (
                relation_words(labels), how, "all layers" if layer == ALL else layer, *repeats,
                *(alone if layer == ALL else [""] * 3), n_of(own[own.setting == layer], tuple(REPEATS)),
            )  # fmt: skip
            rows.append(tuple(map(Cell, texts)))
    head = ("bank", "made by", "layer", *(words for words, *_ in REPEATS.values()), "own task", "MACs", "CPU s", "n")
    caption = (
        "Mean ± sample sd over splits and 95 % t-interval (seeds, then tasks averaged first); n counts splits. Another "
        "seed: IoU of an entry's mask with the mask that the same recipe makes under another seed. Other images: IoU of "
        "masks from the first and the second half of the training images, each of which saw half as many. Chance: IoU of "
        "random masks of these layer widths. Own task: accuracy (points) of an entry on its own bank task. MACs and CPU "
        "seconds: of making one mask. No test."
    )
    return Sheet("reliability", "How well the masks of a bank repeat", caption, head, tuple(rows), data, together=2)


def ceilings_table(data: pd.DataFrame) -> Sheet:
    """A row a bank and T, from `reliability_means`: how near entries come to what a target's own mask gives."""
    data = data[data.measure.isin([*CEILINGS, *OVERLAPS])]
    rows = []
    for labels, own in banks(data):
        overlaps = [spread_text(pick(own, measure)) for measure in OVERLAPS]
        for at in sorted(set(own[own.measure.isin(CEILINGS)].setting), key=int):
            accuracies = [spread_text(pick(own, measure, at), 100, 1) for measure in CEILINGS]
            texts = (relation_words(labels), *overlaps, at, *accuracies, n_of(own, (*OVERLAPS, *CEILINGS)))
            rows.append(tuple(map(Cell, texts)))
    names = ("own mask, again", "mean entry's", "chance")
    head = ("bank", *(f"overlap: {name}" for name in names), "T", *(words for words, *_ in CEILINGS.values()), "n")
    caption = (
        "Mean ± sample sd over splits and 95 % t-interval (seeds, then tasks averaged first); n counts splits. Overlap "
        "(IoU) with the mask learned on the target itself: of a second such mask under another seed, which is the "
        "ceiling, of the bank's entries, and of random masks of the entries' layer widths. Accuracy (points) of the "
        "target at the bank's ratio with its own mask, and with one entry: the best is chosen on the test images and so "
        "flattered, the one of highest LEEP is what the nearest single mask would give. No test."
    )
    title = "How near bank entries come to the target's own mask"
    return Sheet("ceilings", title, caption, head, tuple(rows), data, together=1)


def reliability_figure(data: pd.DataFrame) -> Drawing:
    """A row of panels a backbone, from `reliability_means`: repeats, layers, accuracies, and overlap against cost."""

    def draw(venue: Venue) -> Figure:
        lines = [
            Line(relation_words((*labels, "")).removesuffix(", bank "), panels_of(own), height_of(own))
            for labels, own in data.groupby(RELATION[:3], sort=True)
        ]
        key = [
            (words, Line2D([], [], color=tint, marker=shape, linestyle="none"))
            for measure, (words, tint, shape) in (REPEATS | CEILINGS).items()
            if measure in set(data.measure)
        ]
        return panel_lines(venue, lines, lambda axes, part: part(axes), width=2.95, most=4, share_y=False, key=key)

    caption = (
        f"How well masks repeat and serve; means over n = {n_of(data, tuple(REPEATS))} splits of bank tasks, "
        f"{n_of(data, tuple(CEILINGS))} of targets, bars 95 % t-intervals; no test."
    )
    notes = (
        "From the left: overlap (IoU) of a bank's masks when they are made "
        "again, and of the target's own mask made again; the same layer by layer for the first bank by name; accuracy of "
        "targets with their own mask (which needs their training) and with entries of the bank, the best of them chosen on "
        "the test images and so flattered; overlap under another seed against what a mask costs, one point a bank."
    )
    alt = "Panels of mask overlap by bank and by layer, of accuracies with single masks, and of overlap against cost."
    return Drawing("reliability", "How good the masks of a bank are", caption, notes, alt, data, draw)


def n_of(data: pd.DataFrame, measures: tuple[str, ...]) -> str:
    counts = data[data.measure.isin(measures)].n
    return number_range(counts)


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
    return [
        ("overlap of masks", lambda axes: dots(axes, whole, again, "bank", names, "IoU")),
        (by_layer, lambda axes: dots(axes, layers, REPEATS, "setting", layers_of(first), "IoU")),
        (
            f"accuracy of targets{f', T = {at}' if at else ''}",
            lambda axes: dots(axes, last, CEILINGS, "bank", names, "accuracy (points)", 100),
        ),
        ("overlap against cost", lambda axes: cost_panel(axes, own)),
    ]


def layers_of(own: pd.DataFrame) -> list[str]:
    return [name for name in own[own.measure.isin(REPEATS)].setting.unique() if name != ALL]


Looks = dict[str, tuple[str, str, str]]


def dots(
    axes: Axes, rows: pd.DataFrame, looks: Looks, by: str, names: list[str], xlabel: str, scale: float = 1
) -> None:
    """A line a name, in it a point and interval a measure, set apart a little."""
    shown = [measure for measure in looks if (rows.measure == measure).any()]
    for place, measure in enumerate(shown):
        _, tint, shape = looks[measure]
        own = rows[(rows.measure == measure) & rows[by].isin(names)]
        height = own[by].map(names.index) + 0.14 * (place - (len(shown) - 1) / 2)
        reach = scale * (own.high - own["mean"]).fillna(0)
        axes.errorbar(scale * own["mean"], height, xerr=reach, color=tint, marker=shape, markersize=4.5, linestyle="none",
                      elinewidth=1.2)  # fmt: skip
    if not shown:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color="#555555")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.set_xlabel(xlabel)
    if scale == 1:
        axes.set_xlim(left=0)
    axes.grid(axis="y", visible=False)


def cost_panel(axes: Axes, own: pd.DataFrame) -> None:
    """IoU under another seed against MACs of a mask, a point a bank, named."""
    found = [
        (name, pick(rows, "iou_reseeded"), pick(rows, "train_macs")) for name, rows in own.groupby("bank", sort=True)
    ]
    known = [
        (name, overlap, float(macs["mean"]))
        for name, overlap, macs in found
        if overlap is not None and macs is not None
    ]
    known = sorted((each for each in known if each[2] > 0), key=lambda each: each[2])
    for place, (name, overlap, macs) in enumerate(known):
        _, tint, shape = REPEATS["iou_reseeded"]
        reach = 0.0 if np.isnan(overlap.high) else overlap.high - overlap["mean"]
        axes.errorbar(macs, overlap["mean"], yerr=reach, color=tint, marker=shape, markersize=4.5, elinewidth=1.2)
        side = -1 if place % 2 else 1  # names above and below in turn, so that neighbours do not collide
        axes.annotate(
            str(name), (macs, overlap["mean"] + side * reach), xytext=(0, 3 * side), textcoords="offset points",
            ha="center", va="top" if side < 0 else "bottom", fontsize="small",
        )  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0e}".replace("e+", "e")))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.4, y=0.15)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("MACs to make a mask")
    axes.set_ylabel("IoU, another seed")
