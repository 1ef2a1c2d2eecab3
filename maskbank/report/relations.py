"""What similarity says about bank entries: its rank correlation with overlap and accuracy, and one bank looked at."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from maskbank.report.frames import Line, fitted, panel_lines
from maskbank.report.style import Drawing
from maskbank.report.tables import Cell, Sheet
from maskbank.report.venues import Venue
from maskbank.report.words import (
    SIMILARITY_WORDS,
    correlation_text,
    interval_text,
    number_range,
    outcome_word,
    relation_words,
    similarity_word,
)
from maskbank.statistics.correlation import (
    ABOVE_CHANCE,
    ACCURACY,
    BY_LAYER,
    MEASURED,
    OVERLAP,
    RELATION,
    outcomes,
    steps_of,
)

TINTS = {OVERLAP: "#0072B2", ABOVE_CHANCE: "#0072B2", BY_LAYER: "#56B4E9", ACCURACY: "#D55E00"}
MOST_NUMBERED = 130  # cells of a heat map that still hold legible numbers
NUMBER = 0.3  # inches that a number needs
MOST_NAMES = 24


def relations_table(data: pd.DataFrame) -> Sheet:
    """A row a setting, similarity and outcome, from `correlations`."""
    rows = []
    for row in data.to_dict("records"):
        texts = (
            relation_words(row[name] for name in RELATION), similarity_word(row["similarity"]),
            outcome_word(row["outcome"]), correlation_text(row["correlation"]),
            interval_text(row["ci_low"], row["ci_high"]) + ("" if row["status"] == MEASURED else f" ({row['status']})"),
            "–" if pd.isna(row["sd"]) else f"{row['sd']:.2f}", str(row["n"]), str(row["targets"]), str(row["pairs"]),
            str(row["constant"]), correlation_text(row["pooled"]),
        )  # fmt: skip
        rows.append(tuple(map(Cell, texts)))
    head = (
        "setting",
        "similarity",
        "with",
        "mean",
        "95 % interval",
        "sd",
        "n",
        "targets",
        "pairs",
        "constant",
        "pooled",
    )
    caption = (
        "Spearman's rank correlation over the entries of a bank inside each target task, averaged over seeds, tasks and "
        "then splits. n counts splits, sd is theirs. Interval: two-level bootstrap (splits, then tasks); below 6 splits "
        "a t-interval over splits. Constant: targets left out because one side is the same for all entries. Pooled: all "
        "pairs ranked together, a view only, as a similarity compares inside one target. The overlap is with the mask "
        "learned on the target itself; above chance: less that of random masks of the same layer widths. No test."
    )
    return Sheet("relations", "What similarity is related to", caption, head, tuple(rows), data, together=1)


def similarity_figure(data: pd.DataFrame) -> Drawing:
    """Forest of rank correlations, from `correlations`: a row of panels a setting, a panel a similarity."""
    shown = data[data.correlation.notna() & (~data.outcome.str.startswith(f"{BY_LAYER}@") | in_first_bank(data))]
    columns = [name for name in SIMILARITY_WORDS if name in set(shown.similarity)]

    def draw(venue: Venue) -> Figure:
        lines = []
        for labels, group in shown.groupby(RELATION, sort=True):
            order = list(dict.fromkeys(group.outcome))
            panels = [(similarity_word(name), (group[group.similarity == name], order)) for name in columns]
            lines.append(Line(relation_words(labels), panels, 0.24 * len(order) + 0.6))
        return panel_lines(
            venue, lines, lambda axes, given: correlation_panel(axes, *given), width=2.2, most=len(columns), share_x=True,
            xlabel="rank correlation",
        )  # fmt: skip

    caption = (
        f"Rank correlation of similarity with overlap and accuracy; means over n = {number_range(shown.n)} splits, bars 95 % "
        "bootstrap intervals; no test."
    )
    notes = (
        "Spearman's, over the entries of a bank inside each target: with mask overlap (blue; pale: in one layer, drawn for the "
        "first bank by name of each net, the others are in the table) and with the "
        "accuracy that a target reaches with that entry's mask (orange). Last panel: of overlap itself with accuracy. The "
        "bootstrap draws splits, then tasks. Hollow: fewer than 6 splits, the bar is a t-interval. Nothing is corrected: "
        "many bars are shown."
    )
    alt = "Forest plots of rank correlation with intervals, one panel a similarity, one row an outcome."
    return Drawing("similarity", "What similarity is related to", caption, notes, alt, shown, draw)


def in_first_bank(data: pd.DataFrame) -> pd.Series:
    """Marks the rows of the first bank by name of each data set, backbone and recipe."""
    return data.bank == data.groupby(RELATION[:3]).bank.transform("min")


def correlation_panel(axes: Axes, group: pd.DataFrame, order: list[str]) -> None:
    axes.axvline(0, color="#555555", linewidth=0.9)
    for row in group.to_dict("records"):
        height, tint = order.index(row["outcome"]), TINTS[row["outcome"].partition("@")[0]]
        low, high = (row["ci_low"], row["ci_high"]) if pd.notna(row["ci_low"]) else (row["correlation"],) * 2
        axes.plot([low, high], [height, height], color=tint, linewidth=1.6)
        face = tint if row["status"] == MEASURED else "white"
        axes.plot([row["correlation"]], [height], "o", color=tint, markersize=4.5, markerfacecolor=face)
    axes.set_yticks(range(len(order)), [outcome_word(name) for name in order])
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.set_xlim(-1.05, 1.05)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1])
    axes.grid(axis="y", visible=False)


def chosen_splits(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """For the heat map: of the setting with most pairs, the unseen and the held-out split with most, first by name."""
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


def heatmap_figure(table: pd.DataFrame) -> Drawing:
    """Accuracy and LEEP of every bank entry on every target task of one unseen and one held-out split."""
    chosen = chosen_splits(table)
    accuracy = next((name for name in outcomes(table)[::-1] if name.startswith(ACCURACY)), "")
    measures = {accuracy: ("accuracy (points)", 100), "similarity_leep": ("LEEP", 1)}
    grids = {(kind, name): heat_grid(rows, name) for kind, rows in chosen for name in measures}
    parts = [grid_rows(kind, rows, name, grids[kind, name]) for kind, rows in chosen for name in measures]
    data = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=HEAT_COLUMNS)

    def draw(venue: Venue) -> Figure:
        heights = [0.24 * min(len(grids[kind, accuracy]), MOST_NAMES) + 1.0 for kind, _ in chosen]
        tasks = max(grid.shape[1] for grid in grids.values())
        wide = venue.wide(min(2 * (0.55 * max(tasks, 3) + 1.6) + 0.8, 12.5))
        figure = Figure(figsize=(wide, max(sum(heights), 2.4)), layout="constrained")
        panels = figure.subplots(len(chosen), 2, squeeze=False, height_ratios=heights)
        for line, (kind, rows) in zip(panels, chosen, strict=True):
            for axes, (name, (words, scale)) in zip(line, measures.items(), strict=True):
                image = heat_panel(axes, grids[kind, name], scale, (wide / 2 - 1.2) / tasks)
                title = f"{kind.replace('heldout', 'held-out')} split {rows.split.iloc[0]}: {words}"
                axes.set_title(fitted(title, wide / 2 - 0.8))
            line[0].set_ylabel("bank entry")
        figure.colorbar(image, ax=panels, aspect=40, label="from the mean of the target task, in its sds")
        return figure

    where = relation_words(chosen[0][1][RELATION].iloc[0]) if chosen else "nothing"
    at = f" at T = {steps_of(accuracy)}" if accuracy else ""
    seeds = number_range(data.n[data.value.notna()])
    caption = (
        f"Each bank entry (row) on each target (column): accuracy{at} with its mask, and LEEP; means of n = {seeds} seeds, no "
        "interval, no test."
    )
    notes = (
        f"Shown: {where}, the setting with most pairs, and of it the unseen and the held-out split with most pairs (the "
        "first by name where several have). Colour: above (blue) or below (red) the mean of the column, in sds of the "
        "column, as neither measure compares between targets. Entries are sorted by their mean accuracy here, so that "
        "rows match left and right. A choice for looking at, not a summary."
    )
    alt = "Heat maps of bank entries against target tasks, coloured by accuracy and by LEEP within each target."
    return Drawing("bank_heatmap", "A bank entry by entry", caption, notes, alt, data, draw)


HEAT_COLUMNS = ["task_split", "split", "measure", "entry", "task", "value", "n"]


def heat_grid(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """[entries, tasks], seeds averaged, entries by their mean accuracy, the best first."""
    accuracies = [column for column in rows.columns if column.startswith(ACCURACY) and rows[column].notna().any()]
    order = rows.groupby("entry")[max(accuracies, key=steps_of)].mean().sort_values(ascending=False, kind="stable")
    grid = rows.groupby(["entry", "task"])[name].mean().unstack("task")
    return grid.loc[order.index, sorted(grid.columns, key=by_number)]


def by_number(name: str) -> tuple[int, str]:
    """Sorts t2 before t10."""
    return int("".join(filter(str.isdigit, name)) or 0), name


def grid_rows(kind: str, rows: pd.DataFrame, name: str, grid: pd.DataFrame) -> pd.DataFrame:
    long = grid.reset_index().melt(id_vars="entry", var_name="task", value_name="value")
    counts = rows.groupby(["entry", "task"])[name].count().rename("n").reset_index()
    named = long.assign(task_split=kind, split=rows.split.iloc[0], measure=name)
    return named.merge(counts, on=["entry", "task"], how="left").fillna({"n": 0}).astype({"n": int})[HEAT_COLUMNS]


def heat_panel(axes: Axes, grid: pd.DataFrame, scale: int, cell: float) -> AxesImage:
    """Values written in cells (`cell` inches wide), where there is room; coloured by their place in the column."""
    centred = grid - grid.mean()
    spread = grid.std(ddof=0)
    shades = (centred / spread.where(spread > 0, 1.0)).to_numpy(float)
    image = axes.imshow(shades, cmap="RdBu", vmin=-3, vmax=3, aspect="auto")
    if grid.size <= MOST_NUMBERED and cell >= NUMBER:
        for (row, column), value in np.ndenumerate(grid.to_numpy(float)):
            text = "–" if np.isnan(value) else f"{scale * value:.{1 if scale > 1 else 2}f}".replace("-", "−")
            ink = "white" if abs(shades[row, column]) > 1.9 else "black"
            axes.text(column, row, text, ha="center", va="center", fontsize="small", color=ink)
    for ticks, names in ((axes.set_yticks, list(grid.index)), (axes.set_xticks, list(grid.columns))):
        every = -(-len(names) // MOST_NAMES)
        ticks(range(0, len(names), every), [str(name).rpartition("/")[2] for name in names[::every]])
    axes.grid(visible=False)
    axes.set_xlabel("target task")
    return image
