"""What arms of sparse training cost, beside their score."""

import pandas as pd

from maskbank.statistics.effects import half_width
from maskbank.statistics.sparse_arms import ARM
from maskbank.statistics.sparse_costs import SHARES

DATA = [*ARM, "role", "metric", "schedule", "n", "score", "half_width", *SHARES]


def cost_points(costs: pd.DataFrame) -> pd.DataFrame:
    """One row an arm, with DATA; `costs` are rows of `sparse_costs`, of one pattern, allocation and budget a setting."""
    found = []
    for _, arm in costs.groupby(ARM, sort=True):
        scores = arm.score.dropna()
        numbers = {
            "n": len(scores), "score": scores.mean(), "half_width": half_width(float(scores.std(ddof=1)), len(scores))
        }  # fmt: skip
        shares = {name: arm[name].mean() for name in SHARES}
        found.append(arm[[*ARM, "role", "metric", "schedule"]].iloc[0].to_dict() | numbers | shares)
    return pd.DataFrame(found, columns=DATA)
