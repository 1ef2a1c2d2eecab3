"""How much of a model can go: the fraction of units whose removal still keeps a share of the dense model, against its size."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from maskbank.report.robustness import HOW, attack_label
from maskbank.report.run import Run
from maskbank.report.style import label, pattern_label
from maskbank.report.table import Columns
from maskbank.statistics.kept import structured_rows
from maskbank.statistics.traces import AGAINST, CELLS, joined

ORDER = 200
TITLE = "How much of a model can go"
CAPTION = (
    "Units that can be removed, in percent, before the share kept of what the dense model is right on falls below 90 % "
    "and 50 %: on straight lines between the means of the budgets run, from nothing removed on. ≥: it did not fall "
    "below at any budget run. n counts pretraining seeds. No interval and no test."
)
TOGETHER = 3
SHARES = (0.9, 0.5)
KEYS = ["backbone", "recipe", *HOW, "attack", "method"]
NUMBERS = [f"{name}_{share:g}" for share in SHARES for name in ("removable", "beyond")]


def removable(removed: Sequence[float], kept: Sequence[float], share: float) -> tuple[float, bool]:
    """The fraction removed at which `kept` first falls below `share`, on straight lines between the points from (0, 1).

    The flag says that it never does: the fraction is then the largest that was run.
    """
    x, y = [0.0, *removed], [1.0, *kept]
    for place in range(1, len(x)):
        if y[place] < share:
            part = (y[place - 1] - share) / (y[place - 1] - y[place])
            return x[place - 1] + part * (x[place] - x[place - 1]), False
    return x[-1], True


def read(run: Run) -> pd.DataFrame:
    """A row a model, setting, attack and method, smallest models first."""
    sizes, found = structured_rows(run.records).groupby("backbone").params_dense.mean(), []
    for labels, group in run.structured[run.structured.kept.notna()].groupby(KEYS, sort=True):
        own = group.sort_values("removed")
        ends = [end for share in SHARES for end in removable(own.removed.tolist(), own.kept.tolist(), share)]
        cells = [joined(own[name]) for name in (CELLS, AGAINST)]
        found.append([*labels, sizes.get(labels[0], np.nan), int(own.n.min()), *ends, *cells])
    frame = pd.DataFrame(found, columns=[*KEYS, "params_dense", "n", *NUMBERS, CELLS, AGAINST])
    return frame.sort_values(["params_dense", *KEYS], kind="stable", ignore_index=True)


def columns(run: Run, data: pd.DataFrame) -> Columns:
    def end(share: float) -> Any:
        return lambda row: ("≥ " if row[f"beyond_{share:g}"] else "") + f"{100 * row[f'removable_{share:g}']:.0f}"

    return {
        "model": lambda row: f"{row['backbone']}, {label(row['recipe'])}",
        "parameters": lambda row: f"{row['params_dense']:,.0f}",
        "pattern": pattern,
        "attack": lambda row: attack_label(row["attack"]),
        "method": lambda row: label(row["method"]),
        **{f"{100 * share:g} % kept": end(share) for share in SHARES},
        "n": lambda row: str(row["n"]),
    }


def pattern(row: Mapping[Any, Any]) -> str:
    return pattern_label(*(row[key] for key in HOW))
