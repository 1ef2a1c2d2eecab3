"""The area under accuracy against sparsity: one number for how a model bears the removal of its smallest weights."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from maskbank.statistics.recipes import SETTING, compressed
from maskbank.statistics.traces import joined

CURVE = [*SETTING, "allocation", "reconstruct"]  # one curve a model
AREA = [*CURVE, "recipe", "unit", "area", "sparsity_low", "sparsity_high", "points", "cell_key"]
MAGNITUDE = "l1"


def mean_height(sparsity: ArrayLike, accuracy: ArrayLike) -> float:
    """Area by the trapezoid rule under accuracy [points] over rising sparsity [points], divided by the width.

    NaN with fewer than two points, or where an accuracy is unknown.
    """
    x, y = np.asarray(sparsity, dtype=float), np.asarray(accuracy, dtype=float)
    if len(x) < 2:
        return float("nan")
    return float(np.trapezoid(y, x) / (x[-1] - x[0]))


def areas(records: pd.DataFrame) -> pd.DataFrame:
    """One row a model and setting, with AREA: unstructured magnitude pruning in one shot, over what all recipes share.

    The budgets are those that every recipe of the curve was run at, so that all areas span the same sparsities.
    A model that lacks one of them has no area (NaN). `cell_key` holds the keys of all its cells, a space between.
    """
    rows = compressed(records)
    rows = rows[(rows.kind == "unstructured") & (rows.method == MAGNITUDE)]
    found = []
    for names, group in rows.groupby(CURVE, sort=True):
        own = [set(part.budget_asked) for _, part in group.groupby("recipe")]
        budgets = sorted(set.intersection(*own), reverse=True)
        if len(budgets) < 2:
            continue
        sparsity = 1 - np.asarray(budgets)
        span = {"sparsity_low": sparsity[0], "sparsity_high": sparsity[-1], "points": len(budgets)}
        for (recipe, unit), model in group.groupby(["recipe", "unit"], sort=True):
            each = model.groupby("budget_asked").accuracy.mean(skipna=False)
            area = mean_height(sparsity, each.reindex(budgets).to_numpy(float))
            own_cells = joined(model.cell_key[model.budget_asked.isin(budgets)])
            labels = dict(zip(CURVE, names, strict=True)) | {"recipe": recipe, "unit": unit}
            found.append(labels | span | {"area": area, "cell_key": own_cells})
    return pd.DataFrame(found, columns=AREA)
