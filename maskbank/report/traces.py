"""Cells behind what a report reads from files: contrasts and boards name settings and methods, these name their cells."""

from collections.abc import Sequence

import pandas as pd

from maskbank.statistics.board import Board
from maskbank.statistics.traces import AGAINST, CELLS, joined
from maskbank.statistics.transfer import POINT, SCORED, SETTING, settings, transfer_rows

ROW = [*SETTING, "task_split", "method", "role", *POINT, "cell_key"]


def cell_rows(records: pd.DataFrame) -> pd.DataFrame:
    """The rows of transfer under the settings that they are compared in, with ROW; the reference at every budget."""
    found = [rows.assign(**setting)[ROW] for setting, rows in settings(transfer_rows(records[["cell_key", *SCORED]]))]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=ROW)


def traced(data: pd.DataFrame, rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Differences of `method` and `rival` with the cells of both, at the points at which both were run.

    `rows` are those of `cell_rows`; `keys` are the labels that a difference and its rows share.
    """
    rows = rows.assign(point=rows.groupby(POINT).ngroup())
    groups = {tuple(labels): own for labels, own in rows.groupby([*keys, "method"])}
    none, found = rows.iloc[:0], []
    for row in data.to_dict("records"):
        labels = tuple(row[key] for key in keys)
        own, other = (groups.get((*labels, row[side]), none) for side in ("method", "rival"))
        shared = set(own.point) & set(other.point) if len(other) else set(own.point)
        found.append([joined(side.cell_key[side.point.isin(shared)]) for side in (own, other)])
    named = pd.DataFrame(found, index=data.index, columns=[CELLS, AGAINST], dtype=object)
    return pd.concat([data, named], axis=1)


def traced_boards(data: pd.DataFrame, boards: Sequence[Board], rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `board_rows` with their cells, and those of the reference that scores are differences to."""
    references = {tuple(board.setting[key] for key in SETTING): board.reference for board in boards}
    rivals = [references[labels] for labels in data[SETTING].itertuples(index=False, name=None)]
    return traced(data.assign(rival=pd.Series(rivals, data.index, dtype=object)), rows, SETTING).drop(columns="rival")
