"""How a target task relates to the entries of a mask bank: similarity, overlap of masks, accuracy under each mask."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from maskbank.bank.entry import Entry
from maskbank.bank.learned import Learned
from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.cells.engine import Runtime
from maskbank.data.dataset import TestSet
from maskbank.experiments.subnetwork import Shown, adapt, make_ready, sizes
from maskbank.measures import overlap
from maskbank.measures.cost import Cost
from maskbank.models.surgery import kept_of, slice_units
from maskbank.registry import SIMILARITIES

Rows = list[tuple[int, str, str, float]]  # steps, metric, setting, value


def similarity_rows(
    names: Sequence[str], model: nn.Module, target: Target, bank: MaskBank, free: np.ndarray, entries: list[Entry]
) -> Rows:
    """Of each entry to the target, by the similarities named."""
    layers = list(target.cost.layers)
    return [
        (0, f"similarity_{name}", entry.task, float(value))
        for name in names
        for entry, value in zip(
            entries, SIMILARITIES.module(name).similarity(model, layers, target, bank, free), strict=True
        )
    ]


def overlap_rows(own: Learned, again: Learned, entries: list[Entry]) -> Rows:
    """IoU of each entry's mask with the target's own, in all and by layer, beside chance and the own mask made again."""
    first = plain(own.mask)
    rows: Rows = [(0, "overlap_own", "none", overlap.iou(first, plain(again.mask)))]
    for entry in entries:
        mask = plain(entry.mask)
        by_layer, widths = overlap.iou_by_layer(first, mask), overlap.widths
        rows.append((0, "overlap", entry.task, overlap.iou(first, mask)))
        rows += [(0, "overlap_by_layer", f"{entry.task}|{name}", value) for name, value in by_layer.items()]
        chance = overlap.chance_iou(widths(first), widths(mask), overlap.sizes(mask))
        rows.append((0, "overlap_random", entry.task, chance))
    return rows


def plain(mask: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: value.bool().numpy() for name, value in mask.items()}


def accuracies(
    dense: nn.Module, cost: Cost, shown: Shown, mask: dict[str, torch.Tensor], test: TestSet,
    runtime: Runtime,
) -> list[tuple[int, float]]:  # fmt: skip
    """Accuracy of the target with one mask after each T, cut and adapted as in the transfer stage."""
    kept = kept_of(mask)
    model = slice_units(dense, list(cost.layers), kept)
    values = sizes(model, dense, cost, kept)
    make_ready(model, shown)
    points, _ = adapt(model, shown, test.read, runtime.precision, values)
    return [(point.steps, float(point.values["accuracy"] or 0)) for point in points]
