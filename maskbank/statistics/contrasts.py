"""The table of contrasts: every difference that is tested or described, one row each, made once and only read afterwards."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from maskbank.config import Compare, Params
from maskbank.records.load import read_parquet, write_parquet
from maskbank.records.schema import NONE, Table, check_table
from maskbank.registry import STUDIES
from maskbank.statistics.axes import TASK
from maskbank.statistics.contrast import NOT_RUN, measure
from maskbank.statistics.holm import holm
from maskbank.statistics.paired import MIN_CLUSTERS
from maskbank.statistics.power import minimal_detectable_effect, pairs_needed
from maskbank.statistics.scores import Pairs, Scores, pair, tabulate
from maskbank.statistics.study import Row, Study, parts
from maskbank.statistics.tables import Tables
from maskbank.statistics.traces import AGAINST, CELLS
from maskbank.statistics.verdict import verdict


class Contrasts(Table):
    """One row a contrast: `arm` minus `baseline`, at one level of one study. Labels that do not apply are "none"."""

    study: str
    level: str
    dataset: str
    backbone: str
    recipe: str
    tuning: str
    shots: str
    pattern: str
    allocation: str
    schedule: str
    reconstruct: str
    bn: str
    budget_kind: str
    stop: str
    form: str
    kind: str
    measure: str
    setup: str
    method: str
    activations: str
    attack: str
    task_split: str
    budget_asked: float = pa.Field(nullable=True)
    steps: float = pa.Field(nullable=True)
    arm: str
    baseline: str
    role: str = pa.Field(description="of the baseline")
    question: str
    metric: str
    budgets: str
    steps_averaged: str
    points: int = pa.Field(description="at which both were run, averaged")
    excluded: int = pa.Field(description="units that enter no contrast, as their training loss was not reached")
    status: str
    unit: str
    scale: str
    n: int
    tasks: int
    difference: float = pa.Field(nullable=True)
    sd: float = pa.Field(nullable=True)
    ci_low: float = pa.Field(nullable=True)
    ci_high: float = pa.Field(nullable=True)
    wins: int
    ties: int
    losses: int
    probability_of_improvement: float = pa.Field(nullable=True)
    improvement_low: float = pa.Field(nullable=True)
    improvement_high: float = pa.Field(nullable=True)
    p: float = pa.Field(nullable=True)
    family: str
    p_holm: float = pa.Field(nullable=True)
    family_size: int
    equivalence_p: float = pa.Field(nullable=True)
    equivalent: bool
    not_worse_p: float = pa.Field(nullable=True)
    worse_p: float = pa.Field(nullable=True)
    minimal_detectable_effect: float = pa.Field(nullable=True)
    units_needed: float = pa.Field(nullable=True)
    missing: str
    withheld: str = pa.Field(description="ids of the rules that forbid a verdict")
    verdict: str
    arm_score: float = pa.Field(nullable=True)
    baseline_score: float = pa.Field(nullable=True)
    best_rival: bool = pa.Field(description="the rival with the best validation score")
    rate: str
    rate_baseline: str
    validation: float = pa.Field(nullable=True)
    validation_baseline: float = pa.Field(nullable=True)
    bank: str
    bank_default: str
    sparsity_low: float = pa.Field(nullable=True)
    sparsity_high: float = pa.Field(nullable=True)
    others: int = pa.Field(description="units left out as they ran on another machine class")
    cells: str
    cells_against: str


FILE = "contrasts.parquet"
COLUMNS = list(Contrasts.to_schema().columns)
BLANK: dict[str, Any] = {
    name: NONE if column.dtype.type is not float and "str" in str(column.dtype) else np.nan
    for name, column in Contrasts.to_schema().columns.items()
}
BLANK |= dict.fromkeys(("missing", "withheld", "verdict", "family", "budgets", "steps_averaged", CELLS, AGAINST), "")
BLANK |= {"points": 0, "excluded": 0, "others": 0, "best_rival": False, "equivalent": False, "family_size": 0}


def every_contrast(tables: Tables) -> pd.DataFrame:
    """The contrasts of all studies, with COLUMNS."""
    found = [contrasts(name, tables) for name in STUDIES.names()]
    return pd.concat([frame for frame in found if len(frame)] or found[:1], ignore_index=True)


def contrasts(study_name: str, tables: Tables) -> pd.DataFrame:
    """Every contrast of one study, with COLUMNS; empty where nothing of it was run."""
    study: Study = STUDIES.module(study_name).STUDY
    excluded, roles, found = study.excluded(tables), study.roles(tables), []
    for labels, group in study.rows(tables):
        for level in study.levels:
            for inner, own in parts(group, level.within):
                family = measured(study, labels | inner, own, excluded, tables.params)
                family = study.finish([row for row in family if level.shows_not_run or row["status"] != NOT_RUN])
                for row in family:
                    together = "/".join([study_name, level.name, *(text(row.get(key, NONE)) for key in level.family)])
                    same = {"study": study_name, "level": level.name, "family": together}
                    found.append(BLANK | {"role": roles.get(row["baseline"], "rival")} | row | same)
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    return corrected(pd.DataFrame(found), tables.params.compare)[COLUMNS]


def text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def measured(study: Study, labels: Row, rows: pd.DataFrame, excluded: pd.DataFrame, params: Params) -> list[Row]:
    """The contrasts of one part of a setting, before correction."""
    axes, found = study.axes, []
    every, none = None if study.chosen else tabulate(rows, axes), rows.iloc[:0]
    sides = {str(name): own for name, own in rows.groupby(axes.arm, sort=False, observed=True)}
    for arm, baseline in study.against(rows, params):
        lost = units_without(excluded, labels, axes.arm, (arm, baseline))
        left, right = (
            own[~own.unit.isin(lost)] if lost else own for own in (sides.get(arm, none), sides.get(baseline, none))
        )
        left, right = study.chosen(left, right) if study.chosen else (left, right)
        scores = every if every and not lost else tabulate(pd.concat([left, right]), axes)
        scores = scores if axes.unit == TASK else scores.of(arm, baseline)
        pairs = alone(scores, arm) if study.relative else pair(scores, arm, baseline)
        ran = scores.at(scores.ran(arm) if study.relative else scores.ran(arm, baseline))
        beside = study.beside(left, right) if study.beside else {}
        lacks = beside.pop("lacks", "")
        pairs = replace(pairs, missing=(*pairs.missing, lacks)) if lacks else pairs
        found.append(
            labels | averaged(ran.points) | asdict(measure(pairs, params.compare, study.scale))
            | {"arm": arm, "baseline": baseline, "excluded": len(lost), CELLS: ran.cells_of(arm)}
            | {AGAINST: ran.cells_of(baseline)} | beside
        )  # fmt: skip
    return found


def units_without(excluded: pd.DataFrame, labels: Row, arm: str, names: tuple[str, str]) -> set[float]:
    """The units that either of two arms lost in this part of a setting."""
    if excluded.empty:
        return set()
    shared = [name for name in labels if name in excluded and name != arm]
    same = (excluded[shared] == [labels[name] for name in shared]).all(axis=1) & excluded[arm].isin(names)
    return set(excluded.unit[same])


def alone(scores: Scores, arm: str) -> Pairs:
    """An arm whose scores are relative already, against zero."""
    pairs = pair(scores, arm, arm)
    return replace(pairs, right=np.zeros_like(pairs.left))


def averaged(points: pd.DataFrame) -> Row:
    """Over which points a contrast is the mean."""
    names = {"budget_asked": "budgets", "steps": "steps_averaged"}
    known = {to: sorted(set(points[name].dropna())) for name, to in names.items() if name in points}
    return {"points": len(points), **{to: " ".join(f"{value:g}" for value in values) for to, values in known.items()}}


def corrected(frame: pd.DataFrame, params: Compare) -> pd.DataFrame:
    """Add what depends on the family: Holm's p, the family's size, what the test can find after Holm, and the verdict.

    What was not run in a setting is no test of it; a test that is refused keeps its place. The detectable effect, and the units
    that find a difference of `compare.effect`, are those of a power of 80 % at Holm's first and hardest step; what no test is
    made of finds nothing.
    """
    families = frame[frame.status != NOT_RUN].groupby("family", sort=False)
    frame = frame.assign(
        p_holm=families["p"].transform(lambda p: holm(p.to_numpy(float))),
        family_size=frame.family.map(families.size()).fillna(0).astype(int),
        equivalent=frame.equivalence_p <= params.alpha,
    )
    levels = params.alpha / frame.family_size.clip(lower=1)
    sizes = list(zip(frame.sd, frame.n, levels, strict=True))
    found = [minimal_detectable_effect(sd, n, level) if n >= MIN_CLUSTERS else np.nan for sd, n, level in sizes]
    needed = [units_needed(params.effect, sd, level) for sd, _, level in sizes]
    return decided(frame.assign(minimal_detectable_effect=found, units_needed=needed), params.alpha)


def units_needed(effect: float, sd: float, alpha: float) -> float:
    """At least 6 (rule X4); NaN where the deviation is not known."""
    return max(MIN_CLUSTERS, pairs_needed(effect, sd, alpha)) if np.isfinite(sd) else np.nan


def decided(frame: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Add the verdict of each contrast, by its numbers alone."""
    return frame.assign(verdict=[verdict(row, alpha) for row in frame.to_dict("records")])


def of_study(table: pd.DataFrame, study: str, *levels: str) -> pd.DataFrame:
    """The rows of one study, at some of its levels where they are named."""
    own = table[table.study == study]
    return (own[own.level.isin(levels)] if levels else own).reset_index(drop=True)


SHOWN = [
    "points", "status", "n", "excluded", "difference", "sd", "ci_low", "ci_high", "wins", "ties", "losses", "p",
    "p_holm", "family_size", "equivalence_p", "equivalent", "minimal_detectable_effect", "units_needed",
    "missing", "verdict", CELLS, AGAINST,
]  # fmt: skip


def view(table: pd.DataFrame, name: str, *levels: str) -> pd.DataFrame:
    """What one study fills of the table, at these levels: its arm under the name of its axis, the baseline as `rival`."""
    study: Study = STUDIES.module(name).STUDY
    axes = study.axes
    labels = [*axes.setting, *axes.point, *(key for level in study.levels for key in level.within)]
    columns = dict.fromkeys(["level", *labels, "arm", "baseline", *study.shown, *SHOWN])
    own = of_study(table, name, *levels)[[*columns]]
    return own.rename(columns={"arm": axes.arm, "baseline": "rival"})


def write_contrasts(table: pd.DataFrame, folder: Path) -> None:
    """Check the table and write it as contrasts.parquet."""
    path = folder / FILE
    write_parquet(check_table(Contrasts, "contrasts", table[COLUMNS], str(path)), path)


def read_contrasts(folder: Path) -> pd.DataFrame:
    """The table of a folder; a missing, torn or foreign file is an InputError that names it."""
    return check_table(Contrasts, "contrasts", read_parquet(folder / FILE), str(folder / FILE))
