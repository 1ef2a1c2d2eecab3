"""How flat minima are: measures of sharpness of each model, and its loss landscape."""

import pandas as pd

from maskbank.records.schema import NONE
from maskbank.statistics.models import MODEL

TOP, TRACE, ADAPTIVE = "hessian_top", "hessian_trace", "sharpness_adaptive"
LANDSCAPE = [*MODEL, "x", "y", "loss"]


def sharpness_rows(records: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """One row a model and measure: columns MODEL, `measure`, `value`, `cell_key`.

    Measures are the largest eigenvalue and the trace of the Hessian and, for each rho, adaptive sharpness
    ("sharpness_adaptive rho 0.5"). A model whose cell failed has every measure of its data set, with NaN.
    """
    cells = sharp_cells(records)
    rows = metrics[metrics.metric.isin([TOP, TRACE, ADAPTIVE])]
    names = [
        metric if setting == NONE else f"{metric} {setting}"
        for metric, setting in zip(rows.metric, rows.setting, strict=True)
    ]
    rows = rows.assign(measure=pd.Series(names, rows.index, dtype=object))[["cell_key", "measure", "value"]]
    known = rows[rows.cell_key.isin(set(cells.cell_key))]
    measures = pd.DataFrame({"measure": sorted(set(known.measure), key=by_measure)}, dtype=object)
    every = cells.merge(measures, how="cross").merge(
        known.astype({"cell_key": object, "value": float}), on=["cell_key", "measure"], how="left"
    )
    return every[[*MODEL, "measure", "value", "cell_key"]]


def sharp_cells(records: pd.DataFrame) -> pd.DataFrame:
    """The cells of the stage sharpness: columns MODEL and `cell_key`."""
    rows = records[records.stage == "sharpness"].drop_duplicates("cell_key")
    rows = rows.assign(unit=rows.pretrain_seed.fillna(rows.seed).astype(float))
    return rows[[*MODEL, "cell_key"]].astype({"cell_key": object})


def by_measure(name: str) -> tuple[int, float]:
    """Sorts measures: eigenvalue, trace, then adaptive sharpness by rho."""
    kind, _, rho = name.partition(" rho ")
    return [TOP, TRACE, ADAPTIVE].index(kind), float(rho or 0)


def landscapes(records: pd.DataFrame, metrics: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Loss along one filter-normalised direction (y is 0), and over two; columns LANDSCAPE, sorted."""
    cells = sharp_cells(records)
    found = []
    for metric in ("landscape_line", "landscape_loss"):
        rows = metrics[(metrics.metric == metric) & metrics.cell_key.isin(set(cells.cell_key))]
        places = [[float(part) for part in str(setting).split()] for setting in rows.setting]
        rows = rows[["cell_key"]].assign(
            x=[place[0] for place in places], y=[place[1] if len(place) > 1 else 0.0 for place in places],
            loss=rows.value.astype(float),
        )  # fmt: skip
        joined = cells.merge(rows.astype({"cell_key": object}), on="cell_key")
        found.append(joined[LANDSCAPE].sort_values([*MODEL, "x", "y"], ignore_index=True))
    return found[0], found[1]
