"""Two runs of the suite side by side: which cells they share, what changed between them, and whether it is significant."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from maskbank.config import Compare
from maskbank.records.schema import NONE
from maskbank.statistics.contrast import Contrast, measure
from maskbank.statistics.holm import holm
from maskbank.statistics.scores import Pairs

POINT = ["budget_asked", "steps", "task", "split", "pretrain_seed", "seed"]
ARM = [
    "stage", "dataset", "backbone", "recipe", "method", "variant", "bank", "task_split", "ways", "shots", "pattern",
    "allocation", "schedule", "reconstruct", "bn", "form", "activation_bits", "stop", "setup", "budget_kind", "tuning",
]  # fmt: skip
ABOUT = ["suite", "suite_version", "profile", "numerics_class", "code_version", "splits_hash", "dense_hash", "status"]
NUMBERS = ["accuracy", "loss", "params", "macs", "bytes", "train_macs", "selection_macs", "budget_achieved"]
COLUMNS = [*ARM, "status", "points", "n", "difference", "ci_low", "ci_high", "p", "p_holm", "missing"]


@dataclass(frozen=True)
class Changes:
    """`arms` has a row for each arm that changed, its shared points averaged (COLUMNS: B minus A, in accuracy).

    What is the same to the last bit is no hypothesis: it is counted and not tested.
    """

    points: tuple[int, int]
    shared: int
    same: int
    about: list[str]
    only: tuple[list[str], list[str]]
    unchanged: int
    arms: pd.DataFrame

    @property
    def tested(self) -> int:
        return int(self.arms.p.notna().sum())

    def significant(self, alpha: float) -> pd.DataFrame:
        return self.arms[self.arms.p_holm <= alpha]


def keyed(records: pd.DataFrame) -> pd.DataFrame:
    """Points under the labels that a cell of another code version, or on another machine, has too."""
    found = records.copy()
    for name in [*ARM, *POINT]:
        found[name] = found[name].astype(object).where(found[name].notna(), NONE)
    return found.set_index([*ARM, *POINT])


def changes(a: pd.DataFrame, b: pd.DataFrame, params: Compare) -> Changes:
    """Compare two runs' records. Raises nothing: points that one run lacks, or has twice, are counted and left out."""
    left, right = (table[~table.index.duplicated(keep=False)] for table in (keyed(a), keyed(b)))
    shared = left.index.intersection(right.index)
    mine, other = left.loc[shared], right.loc[shared]
    equal = np.ones(len(shared), dtype=bool)
    for name in NUMBERS:
        one, two = mine[name].to_numpy(float), other[name].to_numpy(float)
        equal &= (one == two) | (np.isnan(one) & np.isnan(two))
    about = []
    for name in ABOUT:
        differs = mine[name].to_numpy(object) != other[name].to_numpy(object)
        if differs.any():
            values = sorted(set(zip(mine[name][differs], other[name][differs], strict=True)))
            shown = f"{values[0][0]} -> {values[0][1]}" + (f" and {len(values) - 1} more" if len(values) > 1 else "")
            about.append(f"{name}: {int(differs.sum())} of {len(shared)} shared points ({shown})")
    both = pd.DataFrame({"a": mine.accuracy, "b": other.accuracy}, index=shared).reset_index()
    groups = dict(list(both.groupby(ARM, sort=True))) if len(both) else {}
    judged = {arm: group for arm, group in groups.items() if group[["a", "b"]].notna().any(axis=None)}
    moved = {arm: group for arm, group in judged.items() if not group.a.equals(group.b)}
    arms = pd.DataFrame(
        [arm_row(arm, group, params) for arm, group in moved.items()],
        columns=[name for name in COLUMNS if name != "p_holm"],
    )
    arms["p_holm"] = holm(arms.p.to_numpy(float)) if len(arms) else []
    only = (arm_names(left.index.difference(right.index)), arm_names(right.index.difference(left.index)))
    return Changes(
        (len(a), len(b)), len(shared), int(equal.sum()), about, only, len(judged) - len(moved), arms[COLUMNS]
    )


def arm_names(index: pd.Index) -> list[str]:
    """Stage, method and budget of points, with how many there are."""
    names = index.to_frame(index=False)
    if names.empty:
        return []
    counts = names.groupby(["stage", "method"], sort=True).size()
    return [f"{' '.join(map(str, cast(tuple[str, str], key)))}: {count} points" for key, count in counts.items()]


def arm_row(arm: tuple[Hashable, ...], rows: pd.DataFrame, params: Compare) -> dict[str, Any]:
    """The contrast of one arm, its unit the split where tasks have one and the seed elsewhere."""
    whole = rows.dropna(subset=["a", "b"])
    labels = dict(zip(ARM, arm, strict=True))
    missing = (f"{len(rows) - len(whole)} points lack an accuracy in one run",) if len(whole) < len(rows) else ()
    found: Contrast = measure(paired(whole, missing), params)
    values = {name: getattr(found, name) for name in ("status", "n", "difference", "ci_low", "ci_high", "p", "missing")}
    return {**labels, **values, "points": len(whole)}


def paired(rows: pd.DataFrame, missing: tuple[str, ...]) -> Pairs:
    """[tasks, seeds], or [seeds, 1] of an arm without tasks, budgets and steps averaged; `b` minus `a`."""
    seeds = rows.pretrain_seed.astype(str) + "/" + rows.seed.astype(str)
    tasked = (rows.task != NONE).all()
    name = rows.split.astype(str) + "/" + rows.task.astype(str) if tasked else seeds
    split = rows.split.astype(str) if tasked else seeds
    rows = rows.assign(unit=name, cluster=split, replicate=seeds if tasked else "0")
    tables = rows.pivot_table(index=["cluster", "unit"], columns="replicate", values=["a", "b"]).sort_index()
    splits = tuple(tables.index.get_level_values("cluster"))
    return Pairs(tables["b"].to_numpy(float), tables["a"].to_numpy(float), splits, missing)


def change_lines(found: Changes, alpha: float, most: int = 20) -> list[str]:
    """What a terminal shows."""
    a, b = found.points
    lines = [f"A has {a} points, B has {b}; {found.shared} are shared, {found.same} of them with equal numbers"]
    lines += [f"only in {side}: {'; '.join(names)}" for side, names in zip("AB", found.only, strict=True) if names]
    lines += [f"differs: {text}" for text in found.about]
    if not found.shared:
        return [*lines, "nothing to compare: the two runs share no point"]
    moved = found.significant(alpha)
    lines.append(f"{found.unchanged} arms are equal to the last bit, {len(found.arms)} changed")
    if found.arms.empty:
        return lines
    tested = f"{found.tested} of those could be tested (6 splits or seeds needed)"
    lines.append(
        f"{tested}; {len(moved)} differ significantly (paired t-test, Holm over all that changed, alpha {alpha:g})"
    )
    shown = moved if len(moved) else found.arms
    shown = shown.reindex(shown.difference.abs().sort_values(ascending=False, kind="stable").index)
    if len(shown) and not len(moved):
        lines.append("largest differences, none of them shown to be real:")
    for row in shown.head(most).to_dict("records"):
        p = "no test" if pd.isna(row["p_holm"]) else f"p {row['p_holm']:.3f}"
        bounds = f"[{100 * row['ci_low']:+.1f}, {100 * row['ci_high']:+.1f}]"
        lines.append(f"  {arm_words(row)}: {100 * row['difference']:+.2f} points {bounds}, n {row['n']}, {p}")
    if len(shown) > most:
        lines.append(f"  and {len(shown) - most} more")
    return lines


def arm_words(row: dict[Hashable, Any]) -> str:
    """The labels of an arm that apply to it."""
    usual = {"variant": "default", "tuning": "default", "setup": "same-steps", "schedule": "one_shot"}
    named = ("stage", "method", "dataset", "backbone", "recipe")
    rest = [name for name in ARM if name not in named and row[name] not in (NONE, usual.get(name))]
    words = [str(row[name]) for name in named if row[name] != NONE]
    return " ".join(
        words + [f"{name}={row[name]:g}" if isinstance(row[name], float) else f"{name}={row[name]}" for name in rest]
    )
