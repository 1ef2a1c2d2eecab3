"""Arms of sparse training as a reader sees them, and labels that stand beside lines instead of a legend."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from maskbank.records.schema import NONE
from maskbank.report.panels import ROLES
from maskbank.report.style import colour, label
from maskbank.statistics.contrast import INCOMPLETE, TESTED
from maskbank.statistics.sparse_arms import GAPS, SETUPS, UNEQUAL

Row = Mapping[Any, Any] | pd.Series
SETUP_WORDS = {
    "same-steps": "equal steps", "same-macs": "equal training MACs", "paper-schedule": "the paper's schedule",
}  # fmt: skip
METRIC_WORDS = {"accuracy": "accuracy", "map": "mAP", "miou": "mIoU", "bleu": "BLEU"}
UNDERPOWERED, NOT_WHOLE, REFUSED = "underpowered", "incomplete, not tested", "unequal trials, not tested"
USUAL = ("unstructured", "uniform", NONE)
LABEL_GAP = 0.105  # inches between the middles of labels


def in_setup_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by data set, backbone, setup (equal steps first), pattern and allocation (usual ones first); stable otherwise."""
    keys = frame[["dataset", "backbone"]].assign(
        place=frame.setup.map(lambda name: SETUPS.index(name) if name in SETUPS else len(SETUPS)).astype(float),
        **{name: frame[name].map(lambda value: (value not in USUAL, value)) for name in ("pattern", "allocation")},
    )
    return frame.loc[keys.sort_values([*keys], kind="stable").index]


def in_method_order(rows: pd.DataFrame) -> list[str]:
    """GaP first, then by role, then by name as shown; the dense reference last."""
    pairs = set(zip(rows.method, rows.role, strict=True))
    order = sorted(pairs, key=lambda pair: (pair[0] not in GAPS, ROLES.index(pair[1]), label(pair[0]).lower()))
    return list(dict.fromkeys(method for method, _ in order))


def task_words(row: Row) -> str:
    """Data set and backbone, and the metric where it is not accuracy."""
    words = [str(row["dataset"]).replace("_", " "), str(row["backbone"])]
    metric = str(row.get("metric", "accuracy"))
    return ", ".join([*words, *([metric_words(metric)] if metric != "accuracy" else [])])


def metric_words(metric: str) -> str:
    return METRIC_WORDS.get(metric, metric.replace("_", " "))


def how_words(row: Row) -> str:
    """Setup, then pattern and allocation where they are not single weights, uniform, or do not apply."""
    words = [SETUP_WORDS.get(str(row["setup"]), str(row["setup"]))]
    words += [str(row["pattern"])] if row["pattern"] not in USUAL else []
    words += [label(str(row["allocation"]))] if row["allocation"] not in USUAL else []
    return ", ".join(words)


def removed(budget: float) -> str:
    """0.1 kept is 90 %."""
    return f"{100 * (1 - budget):.4g} %"


def focus_words(group: pd.DataFrame) -> str:
    """Task, setting and sparsity of arms at one sparsity; the dense reference may be among them."""
    sparse = group.sort_values("role", key=lambda role: role == "reference", kind="stable").iloc[0]
    return f"{task_words(sparse)}: {how_words(sparse)}, {removed(sparse.budget_asked)} removed"


def verdict(row: Row, alpha: float) -> str:
    """What a contrast of GaP shows, by its numbers alone; against dense, whether it matches it within the margin."""
    if row["status"] != TESTED:
        return {UNEQUAL: REFUSED, INCOMPLETE: NOT_WHOLE}.get(row["status"], UNDERPOWERED)
    if row["role"] == "reference":
        if row["not_worse_p"] <= alpha:
            return "matches or beats"
        return "below the margin" if row["worse_p"] <= alpha else "neither shown"
    if row["p_holm"] <= alpha and row["difference"] != 0:
        return "higher" if row["difference"] > 0 else "lower"
    if row["equivalent"]:
        return "equivalent"
    return "no difference shown" if row["can_reject"] else UNDERPOWERED


def layer_order(names: Iterable[str]) -> list[str]:
    """Names of layers with their numbers in order of size: layer2 before layer10."""
    return sorted(
        set(names), key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
    )


def spread(values: Sequence[float], gap: float, low: float = 0.0, high: float = 1.0) -> list[float]:
    """Places near the values [labels] that are at least `gap` apart, inside low to high where they fit; the order is kept."""
    order = np.argsort(values, kind="stable")
    places = np.clip(np.asarray(values, dtype=float)[order], low, high)
    for at in range(1, len(places)):
        places[at] = max(places[at], places[at - 1] + gap)
    if len(places) and places[-1] > high:
        places[-1] = high
        for at in range(len(places) - 2, -1, -1):
            places[at] = min(places[at], places[at + 1] - gap)
    found = np.empty(len(places))
    found[order] = places
    return found.tolist()


def label_right(axes: Axes, ends: Mapping[str, tuple[float, float]], height: float) -> None:
    """Name each method right of the panel (`height` inches), with a thin line from its end (x, y) in data."""
    low, high = axes.get_ylim()
    names = list(ends)
    places = spread([(ends[name][1] - low) / (high - low) for name in names], LABEL_GAP / height, 0.0, 1.0)
    for name, place in zip(names, places, strict=True):
        axes.annotate(
            label(name), ends[name], (1.05, place), textcoords="axes fraction", va="center", fontsize="small", color=dark(name),
            fontweight="bold" if name in GAPS else "normal", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour(name), "lw": 0.5, "shrinkA": 1, "shrinkB": 2, "relpos": (0, 0.5)},
        )  # fmt: skip


def dark(method: str) -> str:
    """The method's colour, dark enough to be read as text."""
    red, green, blue = (int(colour(method)[at : at + 2], 16) / 255 for at in (1, 3, 5))
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    share = min(1.0, 0.42 / light) if light else 1.0
    return "#" + "".join(f"{round(255 * share * each):02x}" for each in (red, green, blue))
