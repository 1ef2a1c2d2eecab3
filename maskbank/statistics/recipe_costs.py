"""What a recipe costs to train, relative to Adam with the same seed: multiply-adds, CPU seconds, steps."""

import numpy as np
import pandas as pd

from maskbank.statistics.contrast import MIN_CLUSTERS
from maskbank.statistics.effects import half_width
from maskbank.statistics.equivalence import not_below
from maskbank.statistics.nets import ADAM, GROUP, recipes_in

KINDS = ("macs", "seconds", "steps")
AMOUNT = {"macs": "train_macs", "seconds": "adaptation_seconds", "steps": "steps"}
RATIOS = [*GROUP, "recipe", "unit", "cost_of", "ratio"]
COLUMNS = [
    *GROUP, "recipe", "cost_of", "n", "median", "low", "high", "mean", "ci_low", "ci_high", "p_below", "p_above",
    "other_machines", "set_aside",
]  # fmt: skip


def cost_ratios(nets: pd.DataFrame) -> pd.DataFrame:
    """One row a net and kind of cost, with RATIOS: its cost over that of Adam's net with the same seed.

    Nets set aside or failed have none. Seconds compare inside one machine class only (rule X14): NaN elsewhere.
    """
    known = nets[~nets.aside & nets.accuracy.notna()]
    adam = known[known.recipe == ADAM][[*GROUP, "unit", *AMOUNT.values(), "machine_class"]]
    both = known[known.recipe != ADAM].merge(adam, on=[*GROUP, "unit"], suffixes=("", "_adam"))
    parts = []
    for kind, column in AMOUNT.items():
        below = both[f"{column}_adam"].astype(float)
        ratio = both[column].astype(float) / below.where(below > 0)
        if kind == "seconds":
            ratio = ratio.where(both.machine_class == both.machine_class_adam)
        parts.append(both.assign(cost_of=kind, ratio=ratio)[RATIOS])
    return pd.concat(parts, ignore_index=True)


def relative_costs(nets: pd.DataFrame, limit: float = 1.0) -> pd.DataFrame:
    """One row a data set, backbone, stop, recipe and kind of cost, with COLUMNS.

    Median and range of the ratios over seeds; `mean` is their geometric mean with a t-interval of the logarithms. From
    6 seeds on, `p_below` is the one-sided t-test that the ratio lies below `limit`, `p_above` that it lies above.
    """
    ratios = cost_ratios(nets)
    found = []
    for names, group in nets.groupby(GROUP, sort=True):
        labels = dict(zip(GROUP, names, strict=True))
        same = ratios[(ratios[GROUP] == list(names)).all(axis=1)]
        for recipe in recipes_in(group):
            aside = group[group.aside & group.recipe.isin([recipe, ADAM])].unit.nunique()
            for kind in KINDS:
                own = same[(same.recipe == recipe) & (same.cost_of == kind)].ratio
                more = {"other_machines": int(own.isna().sum()), "set_aside": aside}
                found.append({**labels, "recipe": recipe, "cost_of": kind, **summary(own, limit), **more})
    return pd.DataFrame(found, columns=COLUMNS)


def summary(ratios: pd.Series, limit: float) -> dict[str, float]:
    """Numbers of ratios [seeds]; NaN among them are left out."""
    known = ratios.dropna().to_numpy(float)
    n = len(known)
    if n == 0:
        return {"n": 0}
    logs = np.log(known)
    half = half_width(float(logs.std(ddof=1)), n) if n > 1 else np.nan
    centre = float(logs.mean())
    tested = n >= MIN_CLUSTERS
    return {
        "n": n, "median": float(np.median(known)), "low": float(known.min()), "high": float(known.max()),
        "mean": float(np.exp(centre)), "ci_low": float(np.exp(centre - half)), "ci_high": float(np.exp(centre + half)),
        "p_below": not_below(-logs, -np.log(limit)) if tested else np.nan,
        "p_above": not_below(logs, np.log(limit)) if tested else np.nan,
    }  # fmt: skip
