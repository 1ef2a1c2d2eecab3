"""Means of pretrained models by recipe."""

import pandas as pd

from maskbank.statistics.effects import half_width
from maskbank.statistics.models import GROUP, spread
from maskbank.statistics.traces import CELLS, joined

SHOWN = {"accuracy": 100, "gap": 100, "train_loss": 1, "loss": 1}  # measure -> scale it is shown at
MEANS = [*GROUP, "recipe", "measure", "n", "excluded", "failed", "mean", "sd", "half_width", CELLS]


def model_means(models: pd.DataFrame) -> pd.DataFrame:
    """One row a data set, backbone, stop, recipe and measure, with MEANS: over seeds, excluded models left out."""
    found: list[dict[str, object]] = []
    for names, group in models.groupby([*GROUP, "recipe"], sort=True):
        labels: dict[str, object] = dict(zip([*GROUP, "recipe"], names, strict=True))
        kept = group[~group.excluded]
        counts = {"excluded": int(group.excluded.sum()), "failed": int((group.status != "ok").sum())}
        labels[CELLS] = joined(kept.cell_key)
        for measure in SHOWN:
            numbers = spread(kept[measure])
            width = half_width(numbers["sd"], int(numbers["n"]))
            found.append({**labels, "measure": measure, **counts, **numbers, "half_width": width})
    return pd.DataFrame(found, columns=MEANS)
