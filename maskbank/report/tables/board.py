"""The boards: groups, score, first, ranks that the tests leave open, cost; and methods without a rank."""

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from maskbank.report.run import Run
from maskbank.report.style import label
from maskbank.report.table import Columns
from maskbank.report.traces import traced_boards
from maskbank.report.words import points, setting_title
from maskbank.statistics.transfer import SETTING

ORDER = 20
TITLE = "Board"
CAPTION = (
    "Methods that have every cell of a setting. Groups: methods that share a letter do not differ significantly (t-test over "
    "splits, Holm over all pairs of the board); an order inside a group is not claimed, and is by cost. Score: difference "
    "to dense in points, 95 % t-interval over splits. First: share of bootstrap resamples (splits, then tasks) in which it "
    "is first. Ranks: those that the tests leave open. Normalised: 0 is random units in the method's own widths, 1 the "
    "oracle. Cost: mean GMACs of training, selection and tuning. n: splits. "
    "Smallest detectable difference, in points: {floors}. Headlines withdrawn by a failing sanity check: {withdrawn}. "
    "Not ranked, as they lack cells (leaderboard.json says which): {unranked}."
)
TOGETHER = 1


def read(run: Run) -> pd.DataFrame:
    return traced_boards(run.board_rows, run.boards, run.cells)


def words(run: Run, data: pd.DataFrame) -> dict[str, str]:
    """What boards say beside their rows, each under its title."""
    named = {each.name: setting_title(each.setting, data) if len(data) else each.name for each in run.boards}
    floors = [f"{named[each.name]} {each.floor:.1f}" for each in run.boards if each.floor is not None]
    gone = [f"{named[each.name]}: {'; '.join(each.withdrawn)}" for each in run.boards if each.withdrawn]
    absent = [
        f"{named[each.name]}: {', '.join(label(own.method) for own in each.unranked)}"
        for each in run.boards
        if each.unranked
    ]
    said = {"floors": floors, "withdrawn": gone, "unranked": absent}
    return {name: "; ".join(texts) or "none" for name, texts in said.items()}


def rows(run: Run, data: pd.DataFrame) -> pd.DataFrame:
    return data.loc[[at for rows in data.groupby(SETTING, sort=False).groups.values() for at in rows]]


def columns(run: Run, data: pd.DataFrame) -> Columns:
    return {
        "setting": lambda row: setting_title(row, data),
        "group": lambda row: row["groups"] or "–",
        "method": lambda row: label(row["method"]),
        "score": score,
        "first": lambda row: known(row["first"], ".0%"),
        "ranks": lambda row: (
            "–".join(f"{row[end]:g}" for end in ("rank_low", "rank_high") if not math.isnan(row[end])) or "–"
        ),
        "normalised": lambda row: known(row["normalised"], ".2f"),
        "GMACs": lambda row: known(row["cost_macs"] / 1e9, ".3g"),
        "n": lambda row: str(row["n"]),
    }


def score(row: Mapping[Hashable, Any]) -> str:
    value, low, high = (points(row[name], signed=True) for name in ("difference", "ci_low", "ci_high"))
    return f"{value} [{low}, {high}]"


def known(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)
