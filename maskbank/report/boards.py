"""Boards of a report: methods in tie groups, as a table and as a figure; and their ranks, joined where no test parts them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskbank.report.forest import beside, draw_difference, forest_grid
from maskbank.report.frames import Line, panel_lines
from maskbank.report.settings import by_setting
from maskbank.report.style import Drawing, colour, label
from maskbank.report.tables import Cell, Sheet
from maskbank.report.venues import Venue
from maskbank.report.words import number_range, points, setting_title
from maskbank.statistics.board import POINTS, Board
from maskbank.statistics.contrast import INSUFFICIENT, TESTED
from maskbank.statistics.groups import letter_order
from maskbank.statistics.pairing import SETTING
from maskbank.statistics.views import MEAN

LABELS = [*SETTING, "method", "role", "groups", "status", "n"]
NUMBERS = [
    "difference",
    "ci_low",
    "ci_high",
    "accuracy",
    "first",
    "rank",
    "rank_low",
    "rank_high",
    "cost_macs",
    "scaled",
    "floor",
]
RANK_ROW, RANKS_WIDTH = 0.2, 6.0  # inches: of a method, of a line of ranks


def board_rows(boards: Sequence[Board]) -> pd.DataFrame:
    """One row a ranked method of each board, in the board's order; differences and the floor are fractions."""
    found = []
    for board in boards:
        for row in board.rows:
            mean = next((each.rank for each in row.ranks if each.view == MEAN), np.nan)
            found.append({
                **board.setting, "method": row.method, "role": row.role, "groups": " ".join(row.groups),
                "status": TESTED if row.groups else INSUFFICIENT, "n": board.splits,
                "difference": fraction(row.score), "ci_low": fraction(row.ci_low), "ci_high": fraction(row.ci_high),
                "accuracy": row.accuracy, "first": row.first, "rank": mean, "rank_low": row.rank_low,
                "rank_high": row.rank_high, "cost_macs": row.cost_macs,
                "scaled": row.scaled.score if row.scaled else None, "floor": fraction(board.floor),
            })  # fmt: skip
    return pd.DataFrame(found, columns=[*LABELS, *NUMBERS]).astype(dict.fromkeys(NUMBERS, float))


def fraction(value: float | None) -> float:
    return np.nan if value is None else value / POINTS


def board_table(rows: pd.DataFrame, boards: Sequence[Board]) -> Sheet:
    """The boards as a table: groups, score, first, ranks that the tests leave open, cost; and methods without a rank."""
    lines = []
    for labels, group in rows.groupby(SETTING, sort=False):
        title = setting_title(dict(zip(SETTING, labels, strict=True)), rows)
        for row in group.to_dict("records"):
            ranks = "–" if np.isnan(row["rank_low"]) else f"{row['rank_low']:g}–{row['rank_high']:g}"
            first = "–" if np.isnan(row["first"]) else f"{row['first']:.0%}"
            score = f"{points(row['difference'], signed=True)} [{points(row['ci_low'], True)}, {points(row['ci_high'], True)}]"
            scaled = "–" if np.isnan(row["scaled"]) else f"{row['scaled']:.2f}"
            texts = (
                title,
                row["groups"] or "–",
                label(row["method"]),
                score,
                first,
                ranks,
                scaled,
                giga(row["cost_macs"]),
            )
            lines.append((*map(Cell, map(str, texts)), Cell(str(row["n"]))))
    named = {board.name: setting_title(board.setting, rows) if len(rows) else board.name for board in boards}
    apart = [
        f"{named[board.name]}: {', '.join(label(each.method) for each in board.unranked)}"
        for board in boards
        if board.unranked
    ]
    gone = [f"{named[board.name]}: {'; '.join(board.withdrawn)}" for board in boards if board.withdrawn]
    floors = {named[board.name]: board.floor for board in boards if board.floor is not None}
    caption = (
        "Methods that have every cell of a setting. Groups: methods that share a letter are not told apart (t-test over "
        "splits, Holm over all pairs of the board); an order inside a group is not claimed, and is by cost. Score: difference "
        "to dense in points, 95 % t-interval over splits. First: share of bootstrap resamples (splits, then tasks) in which it "
        "is first. Ranks: those that the tests leave open. Scaled: 0 is random units in the method's own widths, 1 the "
        "oracle. Cost: mean GMACs of training, selection and tuning. n: splits. "
        f"Smallest difference told apart, in points: {told(floors)}. "
        f"Headlines withdrawn by a failing assay: {'; '.join(gone) or 'none'}. "
        f"Not ranked, as they lack cells (leaderboard.json says which): {'; '.join(apart) or 'none'}."
    )
    head = ("setting", "group", "method", "score", "first", "ranks", "scaled", "GMACs", "n")
    return Sheet("board", "Board", caption, head, tuple(lines), rows, together=1)


def told(floors: dict[str, float]) -> str:
    return "; ".join(f"{name} {value:.1f}" for name, value in floors.items()) or "none"


def giga(macs: float) -> str:
    return "–" if np.isnan(macs) else f"{macs / 1e9:.3g}"


def board_figure(rows: pd.DataFrame) -> Drawing:
    """Difference to dense of each method with its letters, a panel a board."""

    def panel(axes: Axes, group: pd.DataFrame, names: list[str]) -> None:
        for _, row in group.iterrows():
            height = names.index(row["method"])
            draw_difference(axes, row, height, row["method"])
            beside(axes, height, row["groups"] or "no test")

    def draw(venue: Venue) -> Figure:
        return forest_grid(venue, shown, "method", panel, "method minus dense (points)")

    shown = rows[rows.difference.notna()]
    caption = (
        f"Accuracy minus that of dense; n = {number_range(shown.n)} splits, bars 95 % t-intervals; letters: t-test over splits, "
        "Holm over all pairs."
    )
    notes = (
        "In points, mean over budgets and steps. Methods that share a letter are not told apart. Hollow: no test, as splits "
        "are fewer than 6."
    )
    alt = "Forest plot of each method's difference to dense, with the letters of its tie groups."
    return Drawing("board", "Tie groups", caption, notes, alt, shown, draw)


def ranks_figure(rows: pd.DataFrame) -> Drawing:
    """Ranks of the mean scores on a line a board; a bar joins each group of methods that no test tells apart."""
    shown = rows[rows.groupby(SETTING)["groups"].transform(lambda texts: texts.ne("").any()).astype(bool)]

    def draw(venue: Venue) -> Figure:
        lines = [
            Line("", [(title, group)], 0.9 + RANK_ROW * len(group) / 2 + 0.12 * len(letters_of(group)))
            for title, group in by_setting(shown)
        ]
        return panel_lines(venue, lines, draw_ranks, width=RANKS_WIDTH, most=1)

    caption = (
        f"Ranks of the mean scores, 1 the best; n = {number_range(shown.n)} splits, no interval; bars join methods that no test "
        "parts (t-test, Holm)."
    )
    notes = "The t-test is over splits, Holm over all pairs; not Nemenyi's test, which depends on the other methods present."
    alt = "Critical-difference diagram: methods on a line of ranks, bars join those not told apart."
    return Drawing("ranks", "Ranks and what joins them", caption, notes, alt, shown, draw)


def letters_of(group: pd.DataFrame) -> list[str]:
    return letter_order(letter for text in group["groups"] for letter in text.split())


def draw_ranks(axes: Axes, group: pd.DataFrame) -> None:
    """Names left and right of a line of ranks, as in critical-difference diagrams."""
    ordered = group.assign(rank=group.difference.rank(ascending=False)).sort_values(
        ["rank", "method"], ignore_index=True
    )
    count, half = len(ordered), -(-len(ordered) // 2)
    letters = letters_of(group)
    depth = 0.35 * len(letters) + 0.5
    axes.plot([1, max(count, 2)], [0, 0], color="#333333", linewidth=1)
    for place, row in ordered.iterrows():
        left = int(str(place)) < half
        level = -depth - 0.9 * (int(str(place)) if left else count - 1 - int(str(place)))
        side = 0.4 if left else max(count, 2) + 0.6
        axes.plot([row["rank"], row["rank"], side], [0, level, level], color=colour(row["method"]), linewidth=1)
        axes.annotate(
            label(row["method"]), (side, level), xytext=(-3 if left else 3, 0), textcoords="offset points",
            ha="right" if left else "left", va="center", fontsize="small",
        )  # fmt: skip
    for number, letter in enumerate(letters):
        own = ordered[[letter in text.split() for text in ordered["groups"]]]["rank"]
        if len(own) > 1:
            axes.plot([own.min() - 0.1, own.max() + 0.1], [-0.35 * (number + 1)] * 2, color="#333333", linewidth=3)
    axes.set_xlim(0.4, max(count, 2) + 0.6)
    axes.xaxis.tick_top()
    axes.set_xticks(range(1, max(count, 2) + 1))
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
