"""A bank entry by entry: accuracy and LEEP of every entry on every target task of one unseen and one held-out split."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Canvas
from matplotlib.image import AxesImage

from maskbank.report.facets import fitted
from maskbank.report.marks import heat
from maskbank.report.run import Run
from maskbank.report.venues import Venue
from maskbank.report.words import number_range, relation_words
from maskbank.statistics.correlation import ACCURACY, RELATION, outcomes, steps_of

ORDER = 280
TITLE = "A bank entry by entry"
CAPTION = (
    "Each bank entry (row) on each target (column): accuracy{at} with its mask, and LEEP; means of n = {n} seeds, no "
    "interval, no test."
)
NOTES = (
    "Shown: {where}, the setting with most pairs, and of it the unseen and the held-out split with most pairs (the "
    "first by name where several have). Colour: above (blue) or below (red) the mean of the column, in sds of the "
    "column, as neither measure compares between targets. Entries are sorted by their mean accuracy here, so that "
    "rows match left and right. A choice for looking at, not a summary."
)
ALT = "Heat maps of bank entries against target tasks, coloured by accuracy and by LEEP within each target."
COLUMNS = ["task_split", "split", "measure", "entry", "task", "value", "n"]
LEEP = "similarity_leep"
MOST_NUMBERED, MOST_NAMES = 130, 24  # cells that still hold legible numbers; names
NUMBER = 0.3  # inches that a number needs


def read(run: Run) -> pd.DataFrame:
    """One row a split, measure, entry and task, entries by their mean accuracy, the best first; seeds are averaged."""
    accuracy = latest_accuracy(run.relations)
    parts = [entry_rows(kind, rows, name) for kind, rows in chosen_splits(run.relations) for name in (accuracy, LEEP)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def latest_accuracy(table: pd.DataFrame) -> str:
    """The outcome that is accuracy at the largest T; "" where there is none."""
    return next((name for name in outcomes(table)[::-1] if name.startswith(ACCURACY)), "")


def chosen_splits(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Of the setting with most pairs, the unseen and the held-out split with most, first by name."""
    found: list[tuple[str, pd.DataFrame]] = []
    accuracies = [name for name in outcomes(table) if name.startswith(ACCURACY)]
    known = table[table[accuracies].notna().any(axis=1)] if accuracies else table.iloc[:0]
    if known.empty:
        return found
    rows = known[most_frequent(known[RELATION].apply(tuple, axis=1))]
    for kind in ("unseen", "heldout"):
        own = rows[rows.task_split == kind]
        if len(own):
            found.append((kind, own[most_frequent(own.split)]))
    return found


def most_frequent(names: pd.Series) -> pd.Series:
    """Marks the rows of the most frequent name, the first in sorted order where several are."""
    counts = names.value_counts()
    return names == min(counts.index[counts == counts.max()])


def entry_rows(kind: str, rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of one measure on one split, with COLUMNS."""
    accuracies = [column for column in rows.columns if column.startswith(ACCURACY) and rows[column].notna().any()]
    order = rows.groupby("entry")[max(accuracies, key=steps_of)].mean().sort_values(ascending=False, kind="stable")
    cells = rows.groupby(["entry", "task"])[name]
    grid = cells.mean().unstack("task").loc[order.index]
    grid = grid[sorted(grid.columns, key=lambda task: by_number(str(task)))]
    long = grid.reset_index().melt(id_vars="entry", var_name="task", value_name="value")
    named = long.assign(task_split=kind, split=rows.split.iloc[0], measure=name)
    counts = cells.count().rename("n").reset_index()
    return named.merge(counts, on=["entry", "task"], how="left").fillna({"n": 0}).astype({"n": int})[COLUMNS]


def by_number(name: str) -> tuple[int, str]:
    """Sorts t2 before t10."""
    return int("".join(filter(str.isdigit, name)) or 0), name


def words(run: Run, data: pd.DataFrame) -> dict[str, Any]:
    chosen, accuracy = chosen_splits(run.relations), latest_accuracy(run.relations)
    return {
        "where": relation_words(chosen[0][1][RELATION].iloc[0]) if chosen else "nothing",
        "at": f" at T = {steps_of(accuracy)}" if accuracy else "", "n": number_range(data.n[data.value.notna()]),
    }  # fmt: skip


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    kinds, tasks = list(dict.fromkeys(data.task_split)), data.groupby("task_split").task.nunique().max()
    heights = [0.24 * min(data[data.task_split == kind].entry.nunique(), MOST_NAMES) + 1.0 for kind in kinds]
    wide = venue.wide(min(2 * (0.55 * max(tasks, 3) + 1.6) + 0.8, 12.5))
    figure = Canvas(figsize=(wide, max(sum(heights), 2.4)), layout="constrained")
    panels = figure.subplots(len(kinds), 2, squeeze=False, height_ratios=heights)
    for line, kind in zip(panels, kinds, strict=True):
        for axes, name in zip(line, dict.fromkeys(data.measure), strict=True):
            own = data[(data.task_split == kind) & (data.measure == name)]
            image = panel(axes, own, 1 if name == LEEP else 100, (wide / 2 - 1.2) / tasks)
            measure = "LEEP" if name == LEEP else "accuracy (points)"
            title = f"{kind.replace('heldout', 'held-out')} split {own.split.iloc[0]}: {measure}"
            axes.set_title(fitted(title, wide / 2 - 0.8))
        line[0].set_ylabel("bank entry")
    figure.colorbar(image, ax=panels, aspect=40, label="from the mean of the target task, in its sds")
    return figure


def panel(axes: Axes, own: pd.DataFrame, scale: int, room: float) -> AxesImage:
    """Values written in cells (`room` inches wide), where there is room; coloured by their place in the column."""
    order = {name: list(dict.fromkeys(own[name])) for name in ("entry", "task")}
    grid = own.pivot(index="entry", columns="task", values="value").reindex(index=order["entry"], columns=order["task"])
    spread = grid.std(ddof=0)
    shades = (grid - grid.mean()) / spread.where(spread > 0, 1.0)
    form = f".{1 if scale > 1 else 2}f"
    said = grid.map(lambda value: "–" if np.isnan(value) else f"{scale * value:{form}}".replace("-", "−"))
    numbered = grid.size <= MOST_NUMBERED and room >= NUMBER
    image = heat(axes, shades, Normalize(-3, 3), "RdBu", said.to_numpy() if numbered else None, size="small")
    for ticks, names in ((axes.set_yticks, order["entry"]), (axes.set_xticks, order["task"])):
        every = -(-len(names) // MOST_NAMES)
        ticks(range(0, len(names), every), [str(name).rpartition("/")[2] for name in names[::every]])
    axes.set_xlabel("target task")
    return image
