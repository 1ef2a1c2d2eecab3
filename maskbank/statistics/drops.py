"""Sharpness against what compression costs: rank correlation over models, pooled and inside recipes."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from maskbank.config import Compare
from maskbank.statistics.contrast import generator_for
from maskbank.statistics.flatness import by_measure
from maskbank.statistics.models import MODEL, matched
from maskbank.statistics.paired import DECIMALS, MIN_CLUSTERS
from maskbank.statistics.recipes import KINDS, POINT, SETTING, compressed
from maskbank.statistics.traces import CELLS, joined

Array = NDArray[np.float64]
DROP = [*SETTING, "kind", "recipe", "unit", "dense", "accuracy", "drop", "points", CELLS]
COLUMNS = [
    *SETTING, "kind", "measure", "n", "recipes", "seeds", "pooled", "pooled_low", "pooled_high", "within", "within_low",
    "within_high", CELLS,
]  # fmt: skip
RESAMPLES = 2000  # at most: ranks of every resample are taken anew
FEWEST = 3  # recipes or seeds that a correlation needs


def drops(records: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """One row a model, setting and kind of compression, with DROP: dense accuracy minus mean accuracy after it.

    The mean is over the points that all recipes of the setting and kind were run at; a model that lacks one is left out,
    as are excluded models.
    """
    rows = matched(compressed(records), models)
    rows = rows.assign(point=rows.groupby(POINT).ngroup())
    found = []
    for names, group in rows.groupby([*SETTING, "kind"], sort=True):
        labels = dict(zip([*SETTING, "kind"], names, strict=True))
        own = [set(part.point) for _, part in group.groupby("recipe")]
        points = set.intersection(*own)
        shared = group[group.point.isin(points)]
        each = shared.groupby([*MODEL, "point"]).accuracy.mean(skipna=False).groupby(MODEL)
        means = each.mean(skipna=False).where(each.size() == len(points)).to_frame()
        means[CELLS] = shared.groupby(MODEL).cell_key.agg(joined)
        named = pd.DataFrame([labels] * len(means), columns=list(labels))
        rest = means.reset_index().drop(columns=[name for name in labels if name in MODEL])
        found.append(pd.concat([named, rest.assign(points=len(points))], axis=1))
    if not found:
        return pd.DataFrame(columns=DROP)
    every = pd.concat(found, ignore_index=True)
    dense = models[[*MODEL, "accuracy", "cell_key"]].rename(columns={"accuracy": "dense"})
    every = every.merge(dense, on=MODEL, how="left")
    every = every.assign(drop=every.dense - every.accuracy, **{CELLS: every[CELLS] + " " + every.cell_key})
    return every[every["drop"].notna()].reset_index(drop=True)[DROP]


def sharp_drops(dropped: pd.DataFrame, sharp: pd.DataFrame) -> pd.DataFrame:
    """Rows of `drops` beside each measure of the same model's sharpness: columns DROP, `measure`, `value`.

    `cells` are those of the compressed models, of the dense model and of its sharpness.
    """
    known, columns = sharp[sharp.value.notna()], [*DROP, "measure", "value"]
    if dropped.empty or known.empty:
        return pd.DataFrame(columns=columns)
    every = dropped.merge(known, on=MODEL)
    every = every.assign(
        place=every.kind.map(KINDS.index), order=every.measure.map(by_measure), **{CELLS: every[CELLS] + " " + every.cell_key}
    )  # fmt: skip
    return every.sort_values([*SETTING, "place", "order", "recipe", "unit"], ignore_index=True)[columns]


def drop_correlations(paired: pd.DataFrame, params: Compare) -> pd.DataFrame:
    """One row a setting, kind and measure, with COLUMNS, from `sharp_drops`: Spearman's correlation of sharpness and drop.

    `pooled` ranks all models together. Models of one recipe are alike, so its interval draws recipes with all their
    models, and there is none below 6 recipes: it says of recipes, not of models, whether sharp ones lose more. `within`
    ranks what is left of both after the mean of each recipe is taken off (of the logarithm of a positive measure): whether
    among models of one recipe the sharper lose more. Its interval draws seeds with the models of all recipes, as models of one
    seed share their start and order of images, and there is none below 6 seeds. Both are percentile intervals. No test.
    """
    found = []
    for names, rows in paired.groupby([*SETTING, "kind", "measure"], sort=False):
        labels = dict(zip([*SETTING, "kind", "measure"], names, strict=True))
        x, y = table_of(rows, "value"), table_of(rows, "drop")
        generator = generator_for("drops/" + "/".join(map(str, labels.values())), params.seed)
        numbers = {"n": len(rows), "recipes": len(x), "seeds": x.shape[1], CELLS: joined(rows[CELLS])}
        found.append(labels | numbers | correlated(x, y, min(params.resamples, RESAMPLES), generator))
    return pd.DataFrame(found, columns=COLUMNS)


def table_of(rows: pd.DataFrame, column: str) -> Array:
    """[recipes, seeds], NaN where there is no model."""
    return rows.pivot(index="recipe", columns="unit", values=column).to_numpy(float)


def correlated(x: Array, y: Array, resamples: int, generator: np.random.Generator) -> dict[str, float]:
    """Pooled and within-recipe correlations of tables [recipes, seeds] with their intervals."""
    logs = np.log(x) if (x[~np.isnan(x)] > 0).all() else x
    recipes, seeds = x.shape
    by_recipe = generator.integers(0, recipes, (resamples if recipes >= MIN_CLUSTERS else 0, recipes))
    by_seed = generator.integers(0, seeds, (resamples if seeds >= MIN_CLUSTERS else 0, seeds))
    pooled, within = rank_correlations(x[None], y[None])[0], centred_correlations(logs[None], y[None])[0]
    low, high = ends(rank_correlations(x[by_recipe], y[by_recipe]))
    inside = [np.moveaxis(table[:, by_seed], 0, 1) for table in (logs, y)]
    within_low, within_high = ends(centred_correlations(inside[0], inside[1]))
    return {
        "pooled": float(pooled), "pooled_low": low, "pooled_high": high, "within": float(within), "within_low": within_low,
        "within_high": within_high,
    }  # fmt: skip


def ends(values: Array) -> tuple[float, float]:
    """95 % percentile interval; NaN of nothing. Resamples in which one side is constant have no correlation."""
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def centred_correlations(x: Array, y: Array) -> Array:
    """[resamples]: as `rank_correlations`, of what is left after the mean over seeds is taken off each recipe.

    A recipe with one model says nothing here and is left out; NaN where no recipe has two.
    """
    whole = ~(np.isnan(x) | np.isnan(y))
    count = whole.sum(axis=2, keepdims=True)
    several = whole & (count > 1)
    left = []
    for table in (x, y):
        mean = np.where(whole, table, 0).sum(axis=2, keepdims=True) / np.maximum(count, 1)
        left.append(np.where(several, table - mean, np.nan))
    return rank_correlations(left[0], left[1])


def rank_correlations(x: Array, y: Array) -> Array:
    """[resamples]: Spearman's correlation over all known pairs of x and y [resamples, recipes, seeds].

    Ties share their mean rank. NaN with fewer than 3 pairs, or where either side is constant.
    """
    if not len(x):
        return np.empty(0)
    flat = [np.round(table.reshape(len(x), -1), DECIMALS) for table in (x, y)]
    known = ~(np.isnan(flat[0]) | np.isnan(flat[1]))
    n = known.sum(axis=1, keepdims=True)
    ranks = [
        np.where(known, stats.rankdata(np.where(known, table, np.inf), axis=1) - (n + 1) / 2, 0.0) for table in flat
    ]
    spread = np.sqrt((ranks[0] ** 2).sum(axis=1) * (ranks[1] ** 2).sum(axis=1))
    together = (ranks[0] * ranks[1]).sum(axis=1)
    usable = (spread > 0) & (n[:, 0] >= FEWEST)
    return np.where(usable, together / np.where(usable, spread, 1.0), np.nan)
