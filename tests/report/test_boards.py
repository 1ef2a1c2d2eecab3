"""Boards as rows, table and figures: letters, ranks and numbers are those of the leaderboard."""

from dataclasses import replace

import pandas as pd
import pytest

from maskbank.report.boards import board_rows
from maskbank.report.figure import figure
from maskbank.report.run import Run
from maskbank.report.table import table
from maskbank.statistics.board import Board
from maskbank.statistics.boards import all_boards
from tests.report import fake
from tests.report.synthetic import records_run

PARAMS = fake.small_params().compare


@pytest.fixture(scope="module")
def boards() -> list[Board]:
    return all_boards(fake.records(8), PARAMS)


@pytest.fixture(scope="module")
def given(boards: list[Board]) -> Run:
    return records_run(fake.records(8), fake.small_params(), boards=boards)


@pytest.fixture(scope="module")
def rows(boards: list[Board]) -> pd.DataFrame:
    return board_rows(boards)


def texts_of(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_rows_are_the_boards(boards, rows):
    assert len(rows) == sum(len(board.rows) for board in boards)
    first, row = boards[0].rows[0], rows.iloc[0]
    assert (row.method, row["groups"], row.n) == (first.method, " ".join(first.groups), boards[0].splits)
    assert row.difference == pytest.approx(first.score / 100)
    assert row.floor == pytest.approx(boards[0].floor / 100)
    assert set(rows[rows.allocation == "uniform"].method) == {"smsp", "universal", "random", "l2", "taylor"}


def test_the_table_says_what_the_board_says(given, boards, rows):
    board = table("board", given)
    assert [cells[1].text for cells in board.rows] == list(rows["groups"])
    assert "an order inside a group is not claimed" in board.caption
    assert f"{boards[0].floor:.1f}" in board.caption
    broken = boards[0].model_copy(update={"withdrawn": ["A/B: l2 does not win"]})
    caption = table("board", replace(given, boards=[broken, *boards[1:]])).caption
    assert "A/B: l2 does not win" in caption


def test_figures_carry_the_letters(given, rows):
    shown = texts_of(figure("board", given).drawn)
    assert set(shown) == set(rows["groups"])
    named = texts_of(figure("ranks", given).drawn)
    assert sorted(named) == sorted(["SMSP", "universal (whole bank)", "random units", "L2", "Taylor"] * 2)


def test_the_matrix_is_antisymmetric(given, rows):
    matrix = figure("matrix", given)
    found = matrix.data
    wide = found[found.allocation == "uniform"].pivot(index="left", columns="right", values="difference")
    assert (wide + wide.T).abs().max().max() < 1e-9
    names = sorted(set(rows.method))
    assert list(wide.index) == names
    means = rows[rows.allocation == "uniform"].set_index("method").difference
    assert wide.loc["smsp", "l2"] == pytest.approx(100 * (means["smsp"] - means["l2"]))
    assert sum("/" in text for text in texts_of(matrix.drawn)) == len(found)


def test_profiles_fall_from_one_to_zero(given):
    profiles = figure("profiles", given)
    for _, own in profiles.data.groupby(["allocation", "method"]):
        assert own.sort_values("tau").share.is_monotonic_decreasing
        assert own.share.between(0, 1).all()
        assert ((own.low <= own.share + 1e-9) & (own.share <= own.high + 1e-9)).all()
    assert len(profiles.drawn.axes) == 2


@pytest.mark.parametrize("splits", [0, 2])
def test_too_few_splits_are_said(splits):
    frame = fake.records(2)
    frame = frame if splits else frame[frame.stage != "transfer"]
    given = records_run(frame, fake.small_params(), boards=all_boards(frame, PARAMS))
    for name in ("board", "ranks", "matrix", "profiles"):
        figure(name, given).drawn.draw_without_rendering()
    assert figure("ranks", given).data.empty
    assert table("board", given).head
