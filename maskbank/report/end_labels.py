"""Names of methods beside the ends of their lines, in place of a legend."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from maskbank.report.style import colour, label
from maskbank.statistics.sparse_arms import GAPS

LABEL_GAP = 0.105  # inches between the middles of labels


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
