"""Boards of a report as rows, and the complete scores that matrix and profiles are of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from maskbank.statistics.board import POINTS, Board
from maskbank.statistics.boards import ranked_scores
from maskbank.statistics.contrast import INSUFFICIENT, TESTED
from maskbank.statistics.crossed import Crossed, Design, design
from maskbank.statistics.transfer import SCORED, SETTING, settings, transfer_rows
from maskbank.statistics.views import MEAN

LABELS = [*SETTING, "method", "role", "groups", "status", "n"]
NUMBERS = [
    "difference", "ci_low", "ci_high", "accuracy", "first", "rank", "rank_low", "rank_high", "cost_macs", "normalised", "floor",
]  # fmt: skip


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
                "normalised": row.normalised.score if row.normalised else None, "floor": fraction(board.floor),
            })  # fmt: skip
    return pd.DataFrame(found, columns=[*LABELS, *NUMBERS]).astype(dict.fromkeys(NUMBERS, float))


def fraction(value: float | None) -> float:
    return np.nan if value is None else value / POINTS


@dataclass(frozen=True)
class Ranked:
    """The ranked methods of one setting, with the reference where it is whole."""

    setting: dict[str, str]
    design: Design
    scores: Crossed


def ranked(records: pd.DataFrame) -> list[Ranked]:
    """Each setting of the transfer rows: what matrix and profiles are of."""
    given = [(setting, design(rows)) for setting, rows in settings(transfer_rows(records[SCORED]))]
    return [Ranked(setting, own, ranked_scores(own)) for setting, own in given]
