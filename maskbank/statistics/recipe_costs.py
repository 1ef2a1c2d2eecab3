"""What a recipe costs to train, relative to Adam with the same seed: multiply-adds, CPU seconds, steps."""

import numpy as np
import pandas as pd

from maskbank.statistics.models import ADAM, GROUP

KINDS = ("macs", "seconds", "steps")
AMOUNT = {"macs": "train_macs", "seconds": "adaptation_seconds", "steps": "steps"}
RATIOS = [*GROUP, "recipe", "unit", "cost_of", "ratio", "log", "cell_key"]
COLUMNS = [*GROUP, "recipe", "cost_of", "n", "median", "low", "high"]


def cost_ratios(models: pd.DataFrame) -> pd.DataFrame:
    """One row a model and kind of cost, with RATIOS: its cost over that of Adam's model with the same seed, and the logarithm.

    Excluded and failed models have none. Seconds compare inside one machine class only (rule X14): NaN elsewhere.
    """
    known = models[~models.excluded & models.accuracy.notna()]
    adam = known[known.recipe == ADAM][[*GROUP, "unit", *AMOUNT.values(), "machine_class"]]
    both = known[known.recipe != ADAM].merge(adam, on=[*GROUP, "unit"], suffixes=("", "_adam"))
    parts = []
    for kind, column in AMOUNT.items():
        below = both[f"{column}_adam"].astype(float)
        ratio = both[column].astype(float) / below.where(below > 0)
        if kind == "seconds":
            ratio = ratio.where(both.machine_class == both.machine_class_adam)
        parts.append(both.assign(cost_of=kind, ratio=ratio, log=np.log(ratio))[RATIOS])
    return pd.concat(parts, ignore_index=True)


def relative_costs(models: pd.DataFrame) -> pd.DataFrame:
    """One row a data set, backbone, stop, recipe and kind of cost, with COLUMNS: median and range of the ratios over seeds."""
    groups = cost_ratios(models).groupby([*GROUP, "recipe", "cost_of"], sort=False).ratio
    found = pd.DataFrame({"n": groups.count(), "median": groups.median(), "low": groups.min(), "high": groups.max()})
    found = found.reset_index().assign(place=lambda rows: rows.cost_of.map(KINDS.index))
    return found.sort_values([*GROUP, "recipe", "place"], ignore_index=True)[COLUMNS]
