"""Overlap of masks: intersection over union (IoU), what chance gives, and how well a mask repeats."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Mask = Mapping[str, NDArray[np.bool_]]  # layer name -> [units], True where a unit is kept
Counts = Mapping[str, int]  # layer name -> number of units
ALL = "all"
DEFAULT, RESEEDED, HALVES = "default", "reseeded", ("half_a", "half_b")  # variants of a bank task's mask


def ratio(both: float, either: float) -> float:
    """Intersection over union; NaN where neither mask keeps a unit."""
    return float(both / either) if either else float("nan")


def iou(a: Mask, b: Mask) -> float:
    """IoU of two masks of the same layers, over all units at once: wide layers count for more."""
    return ratio(sum((a[name] & b[name]).sum() for name in a), sum((a[name] | b[name]).sum() for name in a))


def iou_by_layer(a: Mask, b: Mask) -> dict[str, float]:
    """IoU of two masks in each layer; NaN in a layer of which neither keeps a unit."""
    return {name: ratio((a[name] & b[name]).sum(), (a[name] | b[name]).sum()) for name in a}


def widths(mask: Mask) -> dict[str, int]:
    """Units kept in each layer."""
    return {name: int(kept.sum()) for name, kept in mask.items()}


def sizes(mask: Mask) -> dict[str, int]:
    """Units of each layer."""
    return {name: len(kept) for name, kept in mask.items()}


def chance_iou(a_counts: Counts, b_counts: Counts, sizes: Counts) -> float:
    """IoU to expect of masks that keep a_counts and b_counts random units of layers of these sizes.

    A layer's intersection is hypergeometric with mean a * b / size, and intersection and union add up to a + b. Both
    means are exact for the sizes; returned is their ratio, which lies below the mean of the ratio (Jensen) by a term
    that vanishes with the number of units.
    """
    both = sum(a_counts[name] * b_counts[name] / sizes[name] for name in sizes)
    return ratio(both, sum(a_counts[name] + b_counts[name] for name in sizes) - both)


def chance_iou_by_layer(a_counts: Counts, b_counts: Counts, sizes: Counts) -> dict[str, float]:
    return {name: chance_iou(a_counts, b_counts, {name: size}) for name, size in sizes.items()}


def mean_overlap(masks: Sequence[Mask]) -> float:
    """Mean IoU over all pairs of masks; NaN with fewer than two."""
    values = [iou(a, b) for a, b in combinations(masks, 2)]
    return float(np.mean(values)) if values else float("nan")


def reliability_rows(masks: Mapping[str, Mask]) -> list[tuple[str, str, float]]:
    """How well the mask of one bank task repeats, as (metric, setting, value) of the metrics table.

    `masks` are the variants of the entry's mask: "default", and of "reseeded", "half_a", "half_b" those that were made.
    `iou_reseeded` compares the entry with the mask of another seed, `iou_split_half` the masks of the two halves of the
    training images with one another; `iou_random` is what chance gives for the sizes of the first of these
    pairs that is there. The setting is "all" or a layer; a layer of which neither mask keeps a unit has no row. Without
    a pair there are no rows.
    """
    pairs = {"iou_reseeded": (DEFAULT, RESEEDED), "iou_split_half": HALVES}
    found = {metric: (masks[a], masks[b]) for metric, (a, b) in pairs.items() if a in masks and b in masks}
    if not found:
        return []
    a, b = next(iter(found.values()))
    chance = widths(a), widths(b), sizes(a)
    values = {metric: {ALL: iou(*pair), **iou_by_layer(*pair)} for metric, pair in found.items()}
    values["iou_random"] = {ALL: chance_iou(*chance), **chance_iou_by_layer(*chance)}
    return [
        (metric, setting, value)
        for metric, by_setting in values.items()
        for setting, value in by_setting.items()
        if not np.isnan(value)
    ]
