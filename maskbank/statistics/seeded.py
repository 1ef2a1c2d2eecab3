"""Contrasts whose unit is the seed: recipes after compression, structured pruning, and how rows are paired by seed."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskbank.config import Compare
from maskbank.statistics.contrast import Contrast, measure
from maskbank.statistics.kept import structured_rows
from maskbank.statistics.nets import ADAM
from maskbank.statistics.pairing import Pairs


@dataclass(frozen=True)
class Seeded:
    """Contrasts on one backbone: the one that decides, then its points. `units` [seeds] belong to the first."""

    dataset: str
    backbone: str
    contrasts: list[tuple[str, Contrast]]
    units: NDArray[np.float64]


def pair_seeds(left: pd.DataFrame, right: pd.DataFrame, keys: list[str]) -> Pairs:
    """Pair rows with columns `unit`, `accuracy` and keys; each unit is averaged over keys, and needs all of them."""
    both = pd.concat([left[["unit", "accuracy", *keys]], right[["unit", "accuracy", *keys]]], ignore_index=True)
    units, unit = np.unique(both.unit.to_numpy(float), return_inverse=True)
    points, values = both.groupby(keys, sort=True).ngroup().to_numpy(), both.accuracy.to_numpy(float)
    tables = np.zeros((2, len(units), points.max(initial=-1) + 1))
    counts = np.zeros(tables.shape)
    side, order = (np.arange(len(both)) >= len(left)).astype(int), np.argsort(values)  # sums do not depend on row order
    place = (side[order], unit[order], points[order])
    np.add.at(tables, place, values[order])
    np.add.at(counts, place, 1)
    tables = np.where(counts > 0, tables, np.nan) / np.maximum(counts, 1)
    whole = ~np.isnan(tables).any(axis=(0, 2))
    missing = tuple(f"seed {unit:g} incomplete" for unit in units[~whole])
    means = tables[:, whole].mean(axis=2) if points.size else np.empty((2, 0))
    return Pairs(means[0][:, None], means[1][:, None], tuple(f"{unit:g}" for unit in units[whole]), missing)


def recipe_pairs(rows: pd.DataFrame, recipe: str, aside: Collection[float] = ()) -> tuple[Pairs, int]:
    """A recipe minus Adam, paired by seed (`unit`) and averaged over the points (`point`) that both have, and their number.

    Seeds in `aside` are left out on both sides and not counted as missing.
    """
    rows = rows[["recipe", "unit", "point", "accuracy"]]
    kept = rows[~rows.unit.isin(aside)] if aside else rows
    own, adam = kept[kept.recipe == recipe], kept[kept.recipe == ADAM]
    shared = set(own.point) & set(adam.point)
    if not shared:
        none = np.empty((0, 1))
        return Pairs(none, none, (), (f"{recipe} and {ADAM} have no point in common",), ran=False), 0
    return pair_seeds(own[own.point.isin(shared)], adam[adam.point.isin(shared)], ["point"]), len(shared)


def structured_against(records: pd.DataFrame, method: str, rival: str, params: Compare) -> list[tuple[str, Seeded]]:
    """Accuracy after structured pruning, a method minus a rival, with its kind of reconstruction; paired by pretraining seed.

    Only points that both have are compared. Kinds of reconstruction are not averaged: merge is each method's own.
    """
    rows = structured_rows(records)
    keys = ["recipe", "pattern", "allocation", "schedule", "bn", "budget_kind", "budget_asked"]
    found = []
    for (dataset, backbone, how), group in rows.groupby(["dataset", "backbone", "reconstruct"], sort=True):
        own, other = (group[group.method == name] for name in (method, rival))
        shared = own[keys].drop_duplicates().merge(other[keys].drop_duplicates())
        parts = [("mean over all shared points", shared)]
        parts += [
            (f"keep {budget:g}", shared[shared.budget_asked == budget]) for budget in shared.budget_asked.unique()
        ]
        parts[1:] = sorted(parts[1:], key=lambda part: -part[1].budget_asked.iloc[0])
        pairs = [pair_seeds(own.merge(part), other.merge(part), keys) for _, part in parts if len(part)]
        contrasts = [
            (f"{how}, {name}", measure(paired, params)) for (name, _), paired in zip(parts, pairs, strict=False)
        ]
        if contrasts:
            found.append((str(how), Seeded(str(dataset), str(backbone), contrasts, pairs[0].clusters)))
    return found
