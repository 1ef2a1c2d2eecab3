"""Ranks of the mean scores on a line a board; a bar joins each group of methods that no test finds to differ."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from maskbank.report.facets import Line, facets
from maskbank.report.run import Run
from maskbank.report.settings import by_setting
from maskbank.report.style import colour, label
from maskbank.report.venues import Venue
from maskbank.statistics.groups import letter_order
from maskbank.statistics.transfer import SETTING

ORDER = 50
TITLE = "Ranks and what joins them"
CAPTION = (
    "Ranks of the mean scores, 1 the best; n = {n} splits, no interval; bars join methods that no test parts (t-test, "
    "Holm)."
)
NOTES = (
    "The t-test is over splits, Holm over all pairs; not Nemenyi's test, which depends on the other methods present."
)
ALT = "Critical-difference diagram: methods on a line of ranks, bars join those that do not differ significantly."
ROW, WIDTH = 0.2, 6.0  # inches: of a method, of a line of ranks
INK = "#333333"


def read(run: Run) -> pd.DataFrame:
    rows = run.board_rows
    return rows[rows.groupby(SETTING)["groups"].transform(lambda texts: texts.ne("").any()).astype(bool)]


def draw(venue: Venue, data: pd.DataFrame, run: Run) -> Canvas:
    lines = [
        Line("", [(title, group)], 0.9 + ROW * len(group) / 2 + 0.12 * len(letters_of(group)))
        for title, group in by_setting(data)
    ]
    return facets(venue, lines, panel, width=WIDTH, most=1)


def letters_of(group: pd.DataFrame) -> list[str]:
    return letter_order(letter for text in group["groups"] for letter in text.split())


def panel(axes: Axes, group: pd.DataFrame) -> None:
    """Names left and right of a line of ranks, as in critical-difference diagrams."""
    ordered = group.assign(rank=group.difference.rank(ascending=False)).sort_values(["rank", "method"])
    letters, count = letters_of(group), len(ordered)
    last = max(count, 2)
    axes.plot([1, last], [0, 0], color=INK, linewidth=1)
    for place, row in enumerate(ordered.to_dict("records")):
        left = place < -(-count // 2)
        height = -(0.35 * len(letters) + 0.5) - 0.9 * (place if left else count - 1 - place)
        side = 0.4 if left else last + 0.6
        axes.plot([row["rank"], row["rank"], side], [0, height, height], color=colour(row["method"]), linewidth=1)
        axes.annotate(
            label(row["method"]), (side, height), xytext=(-3 if left else 3, 0), textcoords="offset points",
            ha="right" if left else "left", va="center", fontsize="small",
        )  # fmt: skip
    for number, letter in enumerate(letters):
        own = ordered[[letter in text.split() for text in ordered["groups"]]]["rank"]
        if len(own) > 1:
            axes.plot([own.min() - 0.1, own.max() + 0.1], [-0.35 * (number + 1)] * 2, color=INK, linewidth=3)
    axes.set_xlim(0.4, last + 0.6)
    axes.xaxis.tick_top()
    axes.set_xticks(range(1, last + 1))
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
