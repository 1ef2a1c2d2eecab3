"""What similarity is related to: rank correlation over the entries of a bank, inside each target task."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from maskbank.config import Compare
from maskbank.statistics.contrast import generator_for
from maskbank.statistics.effects import half_width, interval
from maskbank.statistics.paired import DECIMALS, MIN_CLUSTERS
from maskbank.statistics.scores import cluster_means
from maskbank.statistics.traces import CELLS, joined
from maskbank.statistics.transfer import BLOCK

RELATION = ["dataset", "backbone", "recipe", "bank"]  # labels of a setting
TARGET = ["task_split", *BLOCK]
SIMILARITIES = ("similarity_leep", "similarity_prototypes", "similarity_label_free")
OVERLAP, ABOVE_CHANCE, CHANCE = "overlap", "overlap_above_chance", "overlap_random"
BY_LAYER, ACCURACY = "overlap_by_layer", "accuracy_of_entry"
FEWEST_ENTRIES = 3

MEASURED, INSUFFICIENT, NOTHING = "measured", "too few splits", "no pairs"


@dataclass(frozen=True)
class Correlation:
    """Mean rank correlation of a setting, from -1 to 1.

    `n` counts splits, `targets` the target tasks behind them, `pairs` their pairs with bank entries, `constant` the
    targets (and seeds) left out because one side is the same for all entries; `sd` is that of splits. `pooled` ranks
    all pairs together: a view, as similarities compare inside one target only.
    """

    status: str
    n: int
    targets: int
    pairs: int
    constant: int
    correlation: float
    sd: float
    ci_low: float
    ci_high: float
    pooled: float


def relation_table(records: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """One row a target task, seed, bank and bank entry, from the stage `relate`.

    Columns: RELATION, TARGET, `cell_key`, `entry` and one a measure: SIMILARITIES, overlap, overlap_random,
    overlap_above_chance, `overlap_by_layer@LAYER`, `accuracy_of_entry@T`; NaN where a cell lacks it.
    """
    cells = records[records.stage == "relate"].drop_duplicates("cell_key")
    cells = cells[["cell_key", *RELATION, *TARGET]].assign(pretrain_seed=cells.pretrain_seed.fillna(-1))
    known = [*SIMILARITIES, OVERLAP, CHANCE, BY_LAYER, ACCURACY]
    rows = metrics[metrics.cell_key.isin(cells.cell_key) & metrics.metric.isin(known)]
    found = zip(rows.metric, rows.setting, rows.steps, strict=True)
    named = [column_of(str(metric), str(setting), int(steps)) for metric, setting, steps in found]
    names = pd.DataFrame(named, columns=["entry", "name"], index=rows.index, dtype=object)
    rows = rows.assign(entry=names.entry, name=names.name, value=rows.value.astype(float))
    rows = rows.drop_duplicates(["cell_key", "entry", "name"])
    wide = rows.pivot(index=["cell_key", "entry"], columns="name", values="value").reset_index()
    wide = wide.reindex(columns=list(dict.fromkeys([*wide.columns, *SIMILARITIES, OVERLAP, CHANCE])))
    wide[ABOVE_CHANCE] = wide[OVERLAP] - wide[CHANCE]
    return cells.merge(wide, on="cell_key").sort_values([*RELATION, *TARGET, "entry"], ignore_index=True)


def column_of(metric: str, setting: str, steps: int) -> tuple[str, str]:
    """The bank entry and the column of `relation_table` that a row of metrics is about."""
    entry, _, layer = setting.partition("|")
    return entry, {BY_LAYER: f"{metric}@{layer}", ACCURACY: f"{metric}@{steps}"}.get(metric, metric)


def outcomes(table: pd.DataFrame) -> list[str]:
    """The columns that a similarity may be related to: overlap, above chance and by layer, then accuracy by T."""
    layers = sorted(name for name in table.columns if name.startswith(f"{BY_LAYER}@"))
    accuracies = [name for name in table.columns if name.startswith(f"{ACCURACY}@")]
    every = [OVERLAP, ABOVE_CHANCE, *layers, *sorted(accuracies, key=steps_of)]
    return [name for name in every if table[name].notna().any()]


def steps_of(accuracy: str) -> int:
    """T of a column `accuracy_of_entry@T`."""
    return int(accuracy.partition("@")[2])


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """Spearman's rank correlation of x [entries] and y [entries], ties sharing their mean rank.

    Pairs with a NaN are left out; NaN with fewer than 3 pairs or where either side is constant.
    """
    both = np.round(np.stack([np.asarray(x, dtype=float), np.asarray(y, dtype=float)]), DECIMALS)
    both = both[:, np.isfinite(both).all(axis=0)]
    if both.shape[1] < FEWEST_ENTRIES:
        return float("nan")
    ranks = stats.rankdata(both, axis=1) - (both.shape[1] + 1) / 2
    spread = np.sqrt((ranks**2).sum(axis=1).prod())
    return float((ranks[0] * ranks[1]).sum() / spread) if spread else float("nan")


def within(rows: pd.DataFrame, left: str, right: str) -> pd.Series:
    """Spearman's correlation of two columns without NaN inside each target and seed; all targets at once."""
    groups = rows.groupby(BLOCK, sort=True)
    code, both = groups.ngroup().to_numpy(), rows[[left, right]].round(DECIMALS)
    n = np.bincount(code)
    x, y = both.groupby(code).rank().to_numpy().T - (n[code] + 1) / 2
    spread = np.sqrt(np.bincount(code, x * x) * np.bincount(code, y * y))
    known = (spread > 0) & (n >= FEWEST_ENTRIES)
    values = np.where(known, np.bincount(code, x * y) / np.where(known, spread, 1.0), np.nan)
    return pd.Series(values, index=groups.size().index)


def correlate(rows: pd.DataFrame, left: str, right: str, params: Compare, label: str) -> Correlation:
    """Correlate two columns of one setting's rows of `relation_table`.

    Inside each target task over the bank's entries, seeds averaged, then tasks inside their split, then splits. The
    interval is the two-level bootstrap of splits, then tasks; below 6 splits a t-interval over splits, and the status
    says so.
    """
    given = rows[rows[left].notna() & rows[right].notna()]
    values = within(given, left, right)
    constant = int(values.isna().sum())
    tasks = values.dropna().groupby(["split", "task"]).mean().rename("value").reset_index()
    nan, pooled = float("nan"), spearman(given[left], given[right])
    if tasks.empty:
        return Correlation(NOTHING, 0, 0, len(given), constant, nan, nan, nan, nan, pooled)
    inside, splits = tasks.value.to_numpy(float), tuple(map(str, tasks.split))
    clusters = cluster_means(inside, splits)
    n, mean = len(clusters), float(clusters.mean())
    sd = float(clusters.std(ddof=1)) if n > 1 else nan
    if n < MIN_CLUSTERS:
        half = half_width(sd, n)
        status, low, high = INSUFFICIENT, max(mean - half, -1.0), min(mean + half, 1.0)
    else:
        status = MEASURED
        low, high = interval(inside, splits, params.resamples, generator_for(label, params.seed))
    low, high = (low, high) if n > 1 else (nan, nan)
    return Correlation(status, n, len(tasks), len(given), constant, mean, sd, low, high, pooled)


def pairs_of_columns(table: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Every similarity with every outcome, and overlap with accuracy: whether overlap is what matters."""
    for right in outcomes(table):
        for left in SIMILARITIES:
            if table[left].notna().any():
                yield left, right
        if right.startswith(ACCURACY) and table[OVERLAP].notna().any():
            yield OVERLAP, right


CORRELATED = [*RELATION, "similarity", "outcome", *(field.name for field in fields(Correlation)), CELLS]


def correlations(table: pd.DataFrame, params: Compare) -> pd.DataFrame:
    """One row a setting, similarity and outcome, with the columns CORRELATED, from `relation_table`."""
    found = []
    for labels, rows in table.groupby(RELATION, sort=True):
        for left, right in pairs_of_columns(rows):
            names = dict(zip(RELATION, labels, strict=True)) | {"similarity": left, "outcome": right}
            measured = correlate(rows, left, right, params, "/".join(map(str, names.values())))
            known = rows[rows[left].notna() & rows[right].notna()]
            found.append(names | asdict(measured) | {CELLS: joined(known.cell_key)})
    return pd.DataFrame(found, columns=CORRELATED)
