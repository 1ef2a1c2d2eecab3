"""Contrasts whose unit is the seed: recipes after compression, and sparse training."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskbank.config import Compare
from maskbank.records.schema import NONE
from maskbank.statistics.contrast import Contrast, measure
from maskbank.statistics.kept import structured_rows
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
    index = ["unit", *keys]
    scores = [rows.groupby(index).accuracy.agg(lambda values: values.mean(skipna=False)) for rows in (left, right)]
    both = pd.concat(scores, axis=1, keys=["left", "right"])
    units = both.index.get_level_values("unit").unique().sort_values()
    points = both.reset_index()[keys].drop_duplicates()
    expected = pd.MultiIndex.from_frame(pd.DataFrame({"unit": units}).merge(points, how="cross")[index])
    both = both.reindex(expected)
    holes = both.isna().any(axis=1).groupby(level="unit").any()
    missing = tuple(f"seed {unit:g} incomplete" for unit in holes.index[holes])
    whole = both.groupby(level="unit").mean()[~holes.to_numpy()]
    names = tuple(f"{unit:g}" for unit in whole.index)
    return Pairs(whole[["left"]].to_numpy(float), whole[["right"]].to_numpy(float), names, missing)


def snt_against_adam(records: pd.DataFrame, method: str, params: Compare) -> list[Seeded]:
    """Accuracy after compression, recipe snt minus adam, for each backbone with both; paired by pretraining seed."""
    rows = records[(records.stage == "compress") & (records.method == method)]
    rows = rows[rows.pattern.isin(["unstructured", NONE]) & rows.schedule.isin(["one_shot", NONE])]
    rows = rows.assign(unit=rows.pretrain_seed)
    keys = ["bn", "budget_asked"]
    found = []
    for (dataset, backbone), group in rows.groupby(["dataset", "backbone"], sort=True):
        if not {"snt", "adam"} <= set(group.recipe):
            continue
        points = [(f"{method} {budget:g}, {bn} BN", point) for (bn, budget), point in group.groupby(keys, sort=True)]
        contrasts, units = [], np.empty(0)
        for position, (name, part) in enumerate([(f"{method}, mean over all points", group), *points]):
            pairs = pair_seeds(part[part.recipe == "snt"], part[part.recipe == "adam"], keys)
            units = pairs.clusters if position == 0 else units
            contrasts.append((name, measure(pairs, params, f"snt/{dataset}/{backbone}/{name}")))
        found.append(Seeded(str(dataset), str(backbone), contrasts, units))
    return found


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


def gap_against_pruned(records: pd.DataFrame, params: Compare) -> list[Seeded]:
    """c_gap minus prune_from_dense: 10 % kept decides where it was run, else the mean over budgets; paired by seed."""
    rows = records[(records.stage == "sparsify") & (records.role != "reference")]
    rows = rows.assign(unit=rows.seed)
    found = []
    for (dataset, backbone), group in rows.groupby(["dataset", "backbone"], sort=True):
        if not {"c_gap", "prune_from_dense"} <= set(group.method):
            continue
        parts = [(f"keep {budget:g}", part) for budget, part in group.groupby("budget_asked", sort=True)]
        parts.sort(key=lambda part: part[0] != "keep 0.1")
        if parts[0][0] != "keep 0.1":
            parts.insert(0, ("mean over budgets (10 % kept was not run)", group))
        pairs = [
            pair_seeds(part[part.method == "c_gap"], part[part.method == "prune_from_dense"], ["budget_asked"])
            for _, part in parts
        ]
        contrasts = [
            (name, measure(paired, params, f"gap/{dataset}/{backbone}/{name}"))
            for (name, _), paired in zip(parts, pairs, strict=True)
        ]
        found.append(Seeded(str(dataset), str(backbone), contrasts, pairs[0].clusters))
    return found


def gap_against_dense(records: pd.DataFrame, params: Compare) -> list[Seeded]:
    """c_gap at 20 % kept minus the dense reference of the same stage, backbone and seed: equal total steps."""
    sparse = records[
        (records.stage == "sparsify") & (records.method == "c_gap") & np.isclose(records.budget_asked, 0.2)
    ]
    dense = records[(records.stage == "sparsify") & (records.role == "reference")]
    dense = dense.assign(unit=dense.seed)
    found = []
    for (dataset, backbone), group in sparse.groupby(["dataset", "backbone"], sort=True):
        same = dense[(dense.dataset == dataset) & (dense.backbone == backbone)]
        same = same[same.unit.isin(group.seed)]
        if same.empty:
            continue
        pairs = pair_seeds(group.assign(unit=group.seed, point=0.2), same.assign(point=0.2), ["point"])
        contrast = measure(pairs, params, f"gap-dense/{dataset}/{backbone}")
        found.append(Seeded(str(dataset), str(backbone), [("keep 0.2", contrast)], pairs.clusters))
    return found
