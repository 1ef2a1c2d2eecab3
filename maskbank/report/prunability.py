"""How much of a net can go: the fraction of units whose removal still keeps a share of the dense net, against its size."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from maskbank.report.robustness import HOW, attack_label
from maskbank.report.style import label, pattern_label
from maskbank.report.tables import Cell, Sheet
from maskbank.report.words import number_range
from maskbank.statistics.kept import structured_rows
from maskbank.statistics.traces import AGAINST, CELLS, joined

SHARES = (0.9, 0.5)


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


def prunability_table(data: pd.DataFrame, records: pd.DataFrame) -> Sheet:
    """A row a net, setting, attack and method, smallest nets first, from `structured_means`."""
    sizes = structured_rows(records).groupby("backbone").params_dense.mean()
    keys = ["backbone", "recipe", *HOW, "attack", "method"]
    found = []
    for labels, group in data[data.kept.notna()].groupby(keys, sort=True):
        own = group.sort_values("removed")
        ends = {share: removable(own.removed.tolist(), own.kept.tolist(), share) for share in SHARES}
        found.append(
            dict(zip(keys, labels, strict=True))
            | {"params_dense": sizes.get(labels[0], np.nan), "n": int(own.n.min())}
            | {f"removable_{share:g}": end for share, (end, _) in ends.items()}
            | {f"beyond_{share:g}": beyond for share, (_, beyond) in ends.items()}
            | {name: joined(own[name]) for name in (CELLS, AGAINST)}
        )
    numbers = [f"{name}_{share:g}" for share in SHARES for name in ("removable", "beyond")]
    frame = pd.DataFrame(found, columns=[*keys, "params_dense", "n", *numbers, CELLS, AGAINST])
    frame = frame.sort_values(["params_dense", *keys], kind="stable", ignore_index=True)
    rows = tuple(line(row) for _, row in frame.iterrows())
    head = ("net", "parameters", "pattern", "attack", "method", *(f"{100 * share:g} % kept" for share in SHARES), "n")
    caption = (
        "Units that can be removed, in percent, before the share kept of what the dense net is right on falls below 90 % "
        "and 50 %: on straight lines between the means of the budgets run, from nothing removed on. ≥: it did not fall "
        "below at any budget run. n counts pretraining seeds. No interval and no test."
    )
    return Sheet("prunability", "How much of a net can go", caption, head, rows, frame)


def line(row: pd.Series) -> tuple[Cell, ...]:
    ends = [
        Cell(("≥ " if row[f"beyond_{share:g}"] else "") + f"{100 * row[f'removable_{share:g}']:.0f}")
        for share in SHARES
    ]
    names = (
        f"{row.backbone}, {label(row.recipe)}",
        f"{row.params_dense:,.0f}",
        pattern_label(*(row[key] for key in HOW)),
    )
    texts = (*names, attack_label(row.attack), label(row.method))
    return (*map(Cell, texts), *ends, Cell(number_range(pd.Series([row.n]))))
