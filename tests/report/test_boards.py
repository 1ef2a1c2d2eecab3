"""Boards as rows, table and figures: letters, ranks and numbers are those of the leaderboard."""

import pandas as pd
import pytest
from maskbank.report.matrix import matrix_figure, matrix_rows, profile_rows, profiles_figure, ranked

from maskbank.report.boards import board_figure, board_rows, board_table, ranks_figure
from maskbank.statistics.board import Board
from maskbank.statistics.boards import all_boards
from tests.report import fake

PARAMS = fake.small_params().compare


@pytest.fixture(scope="module")
def boards() -> list[Board]:
    return all_boards(fake.records(8), PARAMS)


@pytest.fixture(scope="module")
def rows(boards: list[Board]) -> pd.DataFrame:
    return board_rows(boards)


def texts(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_rows_are_the_boards(boards, rows):
    assert len(rows) == sum(len(board.rows) for board in boards)
    first, row = boards[0].rows[0], rows.iloc[0]
    assert (row.method, row["groups"], row.n) == (first.method, " ".join(first.groups), boards[0].splits)
    assert row.difference == pytest.approx(first.score / 100)
    assert row.floor == pytest.approx(boards[0].floor / 100)
    assert set(rows[rows.allocation == "uniform"].method) == {"smsp", "universal", "random", "l2", "taylor"}


def test_the_table_says_what_the_board_says(boards, rows):
    sheet = board_table(rows, boards)
    assert [cells[1].text for cells in sheet.rows] == list(rows["groups"])
    assert "an order inside a group is not claimed" in sheet.caption
    assert f"{boards[0].floor:.1f}" in sheet.caption
    broken = boards[0].model_copy(update={"withdrawn": ["A/B: l2 does not win"]})
    assert "A/B: l2 does not win" in board_table(rows, [broken, *boards[1:]]).caption


def test_figures_carry_the_letters(rows):
    shown = texts(board_figure(rows).figure)
    assert set(shown) == set(rows["groups"])
    named = texts(ranks_figure(rows).figure)
    assert sorted(named) == sorted(["SMSP", "universal (whole bank)", "random units", "L2", "Taylor"] * 2)


def test_the_matrix_is_antisymmetric(rows):
    found = matrix_rows(ranked(fake.records(8)))
    wide = found[found.allocation == "uniform"].pivot(index="left", columns="right", values="difference")
    assert (wide + wide.T).abs().max().max() < 1e-9
    names = sorted(set(rows.method))
    assert list(wide.index) == names
    means = rows[rows.allocation == "uniform"].set_index("method").difference
    assert wide.loc["smsp", "l2"] == pytest.approx(100 * (means["smsp"] - means["l2"]))
    figure = matrix_figure(found).figure
    assert sum("/" in text for text in texts(figure)) == len(found)


def test_profiles_fall_from_one_to_zero():
    found = profile_rows(ranked(fake.records(8)), PARAMS)
    for _, own in found.groupby(["allocation", "method"]):
        assert own.sort_values("tau").share.is_monotonic_decreasing
        assert own.share.between(0, 1).all()
        assert ((own.low <= own.share + 1e-9) & (own.share <= own.high + 1e-9)).all()
    assert len(profiles_figure(found).figure.axes) == 2


@pytest.mark.parametrize("splits", [0, 2])
def test_too_few_splits_are_said(splits):
    frame = fake.records(2)
    frame = frame if splits else frame[frame.stage != "transfer"]
    rows = board_rows(all_boards(frame, PARAMS))
    for drawing in (board_figure(rows), ranks_figure(rows), matrix_figure(matrix_rows(ranked(frame)))):
        drawing.figure.draw_without_rendering()
    assert ranks_figure(rows).data.empty
    assert profiles_figure(profile_rows(ranked(frame), PARAMS)).figure is not None
    board_table(rows, all_boards(frame, PARAMS))
