"""Scores of sparse training: means over seeds of each arm."""

import pandas as pd

from maskbank.report.aggregate import MARKS, marked, off_budget
from maskbank.report.order import in_method_order
from maskbank.report.style import label
from maskbank.report.words import Row
from maskbank.statistics.effects import half_width
from maskbank.statistics.sparse_arms import ARM, SETTING
from maskbank.statistics.traces import CELLS, joined
from maskbank.statistics.transfer import DEFAULT

MEANS = [
    *ARM, "role", "metric", "schedule", "choice", "lacks", "n", "failed", "score", "sd", "half_width", "off_budget", *MARKS,
    CELLS,
]  # fmt: skip
CHOICE_WORDS = (
    "Each arm at the learning-rate schedule with the best mean score on validation data, never on the test set"
)


def sparse_means(best: pd.DataFrame) -> pd.DataFrame:
    """One row an arm at its best schedule, with MEANS: its test score over seeds; `best` are the rows of `at_best`."""
    found = []
    for _, arm in best.groupby([*ARM, "role"], sort=True):
        scores = arm.score.dropna()
        sd = float(scores.std(ddof=1))
        known = arm[arm.budget_achieved.notna()]
        numbers = {
            "n": len(scores), "failed": int((arm.status != "ok").sum()), "score": float(scores.mean()), "sd": sd,
            "half_width": half_width(sd, len(scores)), "off_budget": len(known) > 0 and off_budget(known),
            CELLS: joined(arm.cell_key),
        }  # fmt: skip
        found.append(arm[[name for name in MEANS if name in arm]].iloc[0].to_dict() | numbers)
    means = pd.DataFrame(found, columns=[name for name in MEANS if name not in MARKS])
    usual, column = best[best.variant == DEFAULT], [*SETTING, "budget_asked"]
    default = marked(means[means.variant == DEFAULT], usual, column, ["method"], ["seed"], "score")[MARKS]
    return means.join(default.reindex(means.index, fill_value=False))[MEANS]


def arm_groups(setting: pd.DataFrame) -> list[pd.DataFrame]:
    """Rows of one setting, a group a method and variant, in order."""
    methods = [setting[setting.method == method] for method in in_method_order(setting)]
    return [own for rows in methods for _, own in rows.groupby("variant", sort=True)]


def arm_name(row: Row) -> str:
    return label(row["method"]) + ("" if row["variant"] == DEFAULT else f", {row['variant']}")
