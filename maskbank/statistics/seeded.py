"""Contrasts whose unit is the seed: recipes after compression, and sparse training."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskbank.config import Compare
from maskbank.records.schema import NONE
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


def paoding_against(records: pd.DataFrame, rival: str, params: Compare) -> list[tuple[str, Seeded]]:
    """Accuracy after structured pruning, paoding minus a rival, with its kind of reconstruction; paired by pretraining seed.

    Only points that both have are compared. Kinds of reconstruction are not averaged: merge is each method's own.
    """
    rows = structured_rows(records)
    keys = ["recipe", "pattern", "allocation", "schedule", "bn", "budget_kind", "budget_asked"]
    found = []
    for (dataset, backbone, how), group in rows.groupby(["dataset", "backbone", "reconstruct"], sort=True):
        own, other = (group[group.method == method] for method in ("paoding", rival))
        shared = own[keys].drop_duplicates().merge(other[keys].drop_duplicates())
        parts = [("mean over all shared points", shared)]
        parts += [
            (f"keep {budget:g}", shared[shared.budget_asked == budget]) for budget in shared.budget_asked.unique()
        ]
        parts[1:] = sorted(parts[1:], key=lambda part: -part[1].budget_asked.iloc[0])
        pairs = [pair_seeds(own.merge(part), other.merge(part), keys) for _, part in parts if len(part)]
        contrasts = [
            (f"{how}, {name}", measure(paired, params, f"paoding/{dataset}/{backbone}/{how}/{rival}/{name}"))
            for (name, _), paired in zip(parts, pairs, strict=False)
        ]
        if contrasts:
            found.append((str(how), Seeded(str(dataset), str(backbone), contrasts, pairs[0].clusters)))
    return found


def equal_steps(records: pd.DataFrame) -> pd.DataFrame:
    """Rows of sparse training of single weights at equal total steps, with `unit` (the seed)."""
    rows = records[(records.stage == "sparsify") & (records.setup == "same-steps")]
    rows = rows[rows.pattern.isin(["unstructured", NONE])]
    return rows.assign(unit=rows.seed)


def usual_first(arms: Iterable[Any]) -> list[Any]:
    """Allocation uniform (or none) before others, then the rate constant before others; the first of a claim decides."""
    return sorted(arms, key=lambda arm: [(name not in ("uniform", NONE, "constant"), name) for name in arm])


def gap_against_pruned(records: pd.DataFrame, params: Compare) -> list[Seeded]:
    """c_gap minus prune_from_dense: 10 % kept decides where it was run, else the mean over budgets; paired by seed.

    Allocations and rates are never averaged: the usual ones decide, the others describe.
    """
    rows = equal_steps(records)
    rows = rows[rows.role != "reference"]
    found = []
    for (dataset, backbone), group in rows.groupby(["dataset", "backbone"], sort=True):
        contrasts: list[tuple[str, Contrast]] = []
        units = np.empty(0)
        arms = dict(list(group.groupby(["allocation", "schedule"])))
        for arm in usual_first(arms):
            own = arms[arm]
            if not {"c_gap", "prune_from_dense"} <= set(own.method):
                continue
            words = f", {arm[0]}, rate {arm[1]}" if len(arms) > 1 else ""
            parts = [(f"keep {budget:g}", part) for budget, part in own.groupby("budget_asked", sort=True)]
            parts.sort(key=lambda part: part[0] != "keep 0.1")
            if parts[0][0] != "keep 0.1":
                parts.insert(0, ("mean over budgets (10 % kept was not run)", own))
            for name, part in parts:
                gap, pruned = (part[part.method == method] for method in ("c_gap", "prune_from_dense"))
                pairs = pair_seeds(gap, pruned, ["budget_asked"])
                units = pairs.clusters if not contrasts else units
                contrasts.append((name + words, measure(pairs, params, f"gap/{dataset}/{backbone}/{name}{words}")))
        if contrasts:
            found.append(Seeded(str(dataset), str(backbone), contrasts, units))
    return found


def gap_against_dense(records: pd.DataFrame, params: Compare) -> list[Seeded]:
    """c_gap at 20 % kept minus the dense reference of the same stage, backbone, rate and seed: equal total steps."""
    rows = equal_steps(records)
    sparse = rows[(rows.method == "c_gap") & np.isclose(rows.budget_asked, 0.2)]
    found = []
    for (dataset, backbone), group in sparse.groupby(["dataset", "backbone"], sort=True):
        dense = rows[(rows.role == "reference") & (rows.dataset == dataset) & (rows.backbone == backbone)]
        contrasts: list[tuple[str, Contrast]] = []
        units = np.empty(0)
        arms = dict(list(group.groupby(["allocation", "schedule"])))
        for arm in usual_first(arms):
            own, same = arms[arm], dense[(dense.schedule == arm[1]) & dense.unit.isin(arms[arm].unit)]
            if same.empty:
                continue
            words = f", {arm[0]}, rate {arm[1]}" if len(arms) > 1 else ""
            pairs = pair_seeds(own.assign(point=0.2), same.assign(point=0.2), ["point"])
            units = pairs.clusters if not contrasts else units
            contrasts.append((f"keep 0.2{words}", measure(pairs, params, f"gap-dense/{dataset}/{backbone}{words}")))
        if contrasts:
            found.append(Seeded(str(dataset), str(backbone), contrasts, units))
    return found
