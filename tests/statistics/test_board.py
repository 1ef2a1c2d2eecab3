"""Boards: by hand, against removal and recomputation, and with every kind of bad input."""

import json

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy import stats

from maskbank.config import Compare
from maskbank.statistics.board import Leaderboard
from maskbank.statistics.boards import all_boards, leaderboard, leaderboard_schema, ranked_methods
from maskbank.statistics.crossed import cross, design
from maskbank.statistics.ranks import rank_rows
from maskbank.statistics.transfer import settings, transfer_rows
from maskbank.statistics.views import CHANCE, HALVES, LEFT_OUT, MEAN, aggregated, rank_sets, without_each
from tests.report import fake

PARAMS = Compare(resamples=300)


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    """One setting and one budget: small enough to be made again for each kind of damage."""
    frame = fake.records()
    kept = frame.allocation.isin(["uniform", "none"]) & frame.budget_asked.isin([0.2, 1.0])
    return frame[(frame.stage == "transfer") & kept].reset_index(drop=True)


def only(frame: pd.DataFrame):
    (found,) = all_boards(frame, PARAMS)
    return found


def rows_of(frame: pd.DataFrame) -> dict:
    return {row.method: row for row in only(frame).rows}


def one_cell(frame: pd.DataFrame, method: str) -> pd.Series:
    return (frame.method == method) & (frame.split == "s1") & (frame.task == "t0") & (frame.steps == 10)


def test_the_score_is_the_difference_to_dense_in_points(records):
    means = records.groupby(["method", "split", "task"]).accuracy.mean().groupby(["method", "split"]).mean()
    gaps = 100 * (means["smsp"] - means["dense"])
    row = rows_of(records)["smsp"]
    assert row.score == pytest.approx(gaps.mean())
    low, high = stats.t.interval(0.95, 7, gaps.mean(), gaps.std(ddof=1) / np.sqrt(8))
    assert (row.ci_low, row.ci_high) == pytest.approx((low, high))
    assert row.accuracy == pytest.approx(means["smsp"].mean())


def test_the_reference_is_not_ranked(records):
    board = only(records)
    assert board.reference == "dense"
    assert "dense" not in {row.method for row in board.rows} | {row.method for row in board.unranked}
    assert board.pairs == 10


def test_settings_are_boards_of_their_own():
    names = [board.name for board in all_boards(fake.records(), PARAMS)]
    assert len(names) == len(set(names)) == 2


def test_groups_come_by_their_best_and_rows_inside_by_cost_then_name(records):
    price = {"smsp": 3.0, "taylor": 2.0, "universal": 2.0, "l2": 1.0, "random": 0.5}
    level = records.method.map({"l2": 0.3, "random": 0.2}).fillna(0.6)
    noise = np.random.default_rng(1).normal(0, 0.01, len(records))
    frame = records.assign(selection_macs=records.method.map(price).fillna(0), train_macs=0.0, accuracy=level + noise)
    board = only(frame)
    shown = [row.method for row in board.rows]
    by_group = {row.method: row.groups for row in board.rows}
    assert by_group["smsp"] == by_group["taylor"] == by_group["universal"] == ["a"]
    assert shown == ["taylor", "universal", "smsp", "l2", "random"]
    assert board.rows[0].cost_macs == 2.0


def test_a_method_without_a_known_cost_comes_last_in_its_group(records):
    frame = records.assign(train_macs=records.train_macs.mask(records.method == "random"), accuracy=0.5)
    board = only(frame)
    assert [row.method for row in board.rows] == ["l2", "smsp", "taylor", "universal", "random"]
    assert board.rows[-1].cost_macs is None


def test_shares_of_firsts_add_up_and_ranks_lie_in_their_sets(records):
    board = only(records)
    assert sum(row.first for row in board.rows) == pytest.approx(1)
    for row in board.rows:
        told_apart = [other for other in board.rows if not set(row.groups) & set(other.groups)]
        assert row.rank_high - row.rank_low == 4 - len(told_apart)
        mean = next(view for view in row.ranks if view.view == MEAN)
        assert row.rank_low <= mean.rank <= row.rank_high
        assert mean.low <= mean.rank <= mean.high


def test_rank_sets_count_who_is_told_apart():
    low, high = rank_sets([0, 1, 1], [2, 0, 0], 3)
    assert low.tolist() == [1, 2, 2]
    assert high.tolist() == [1, 3, 3]


def test_removal_of_each_rival_is_ranking_the_rest():
    means = np.random.default_rng(0).normal(size=(40, 4)).round(1)
    for view in without_each(("a", "b", "c", "d"), means):
        kept = [index for index, name in enumerate("abcd") if name in view.methods]
        expected = rank_rows(means[:, kept])
        assert view.rank.tolist() == expected[0].tolist()
        assert view.low.tolist() == np.quantile(expected[1:], 0.025, axis=0, method="inverted_cdf").tolist()
    assert without_each(("a", "b"), means[:, :2]) == []


def test_aggregates_share_their_draws():
    splits = tuple(f"s{index}" for index in range(8))
    table = np.tile(np.random.default_rng(0).normal(size=8), (2, 1)) + np.array([[0.0], [1.0]])
    for name, found in aggregated(table, splits, 50, np.random.default_rng(0)).items():
        np.testing.assert_allclose(found[:, 1] - found[:, 0], 1, atol=1e-12, err_msg=name)


def test_every_way_of_looking_is_there(records):
    views = {view.view for view in rows_of(records)["smsp"].ranks}
    assert views == {
        MEAN, "median over tasks", "IQM over tasks", "without l2", "without taylor", "without universal",
        "without random", HALVES,
    }  # fmt: skip


def test_the_board_does_not_depend_on_the_order_of_records(records):
    shuffled = records.sample(frac=1, random_state=1)
    assert leaderboard(shuffled, PARAMS) == leaderboard(records, PARAMS)


def test_json_is_strict_and_fits_the_schema(records):
    found = leaderboard(fake.fail(records, one_cell(records, "l2")), PARAMS)
    text = json.dumps(found, allow_nan=False)
    assert Leaderboard.model_validate_json(text).model_dump(mode="json") == found
    schema = leaderboard_schema()
    assert set(schema["required"]) <= set(found) <= set(schema["properties"])
    fields = schema["$defs"]["Row"]
    assert set(fields["required"]) == set(found["boards"][0]["rows"][0]) == set(fields["properties"])
    with pytest.raises(ValidationError):
        Leaderboard.model_validate(found | {"another": 1})


def test_a_failed_cell_takes_its_method_out_of_the_order_and_both_policies_rank_it(records):
    board = only(fake.fail(records, one_cell(records, "l2")))
    assert {row.method for row in board.rows} == {"smsp", "taylor", "universal", "random"}
    (lacking,) = board.unranked
    assert lacking.method == "l2"
    assert "s1/t0 seed 0 keep 0.2 T 10: failed" in lacking.missing
    assert {view.view for view in lacking.ranks} == {LEFT_OUT, CHANCE}
    assert {LEFT_OUT, CHANCE} <= {view.view for view in board.rows[0].ranks}


def test_failures_at_chance_cost_a_method_its_rank(records):
    failed = fake.fail(records, (records.method == "smsp") & (records.task == "t0"))
    (lacking,) = only(failed).unranked
    ranks = {view.view: view.rank for view in lacking.ranks}
    assert ranks[LEFT_OUT] == 1
    assert ranks[CHANCE] == 5


def test_a_cell_that_was_never_run_is_no_failure(records):
    given = design(settings(transfer_rows(records[~one_cell(records, "l2")]))[0][1])
    assert cross(given, ["l2", "smsp"], chance=True).values.shape[1] == 15
    assert cross(given, ["smsp"]).values.shape[1] == 16


def test_a_doubled_point_refuses_its_method_alone(records):
    board = only(pd.concat([records, records[one_cell(records, "l2")]]))
    assert [row.method for row in board.unranked] == ["l2"]
    assert "occur twice" in board.unranked[0].missing
    assert len(board.rows) == 4


def test_a_method_needs_no_more_seeds_than_one_and_a_cell_that_failed_is_named():
    frame = fake.records(seeds=2)
    frame = frame[(frame.allocation.isin(["uniform", "none"])) & frame.budget_asked.isin([0.2, 1.0])]
    board = only(frame[(frame.method != "l2") | (frame.seed == 0)])
    assert board.seeds == 2
    assert board.unranked == []
    lost = (frame.method == "l2") & (frame.seed == 1) & (frame.split == "s1")
    board = only(fake.fail(frame, lost))
    assert [row.method for row in board.unranked] == ["l2"]
    assert "seed 1 keep 0.2" in board.unranked[0].missing


def test_a_method_at_fewer_points_is_listed_with_them():
    board = all_boards(fake.study(), PARAMS)[1]
    oracle = next(row for row in board.unranked if row.method == "oracle")
    assert "run at 3 of 9 points" in oracle.missing


def test_the_oracle_is_an_end_of_the_normalisation_and_no_competitor():
    frame = fake.study(foreign=0)
    frame = frame[(frame.budget_asked.isin([0.1, 1.0])) & (frame.stage == "transfer") & (frame.tuning == "default")]
    board = all_boards(frame[frame.shots.isna()], PARAMS)[1]
    assert "oracle" not in {row.method for row in board.rows}
    assert "end of the normalisation" in next(row for row in board.unranked if row.method == "oracle").missing
    assert next(row for row in board.rows if row.method == "shuffled").normalised.score == pytest.approx(0)


def test_nan_scores_are_missing_cells(records):
    board = only(records.assign(accuracy=records.accuracy.mask(records.method == "l2")))
    assert [row.method for row in board.unranked] == ["l2"]
    assert len(board.rows) == 4


def test_a_constant_column_is_ranked_like_any_other(records):
    row = rows_of(records.assign(accuracy=records.accuracy.mask(records.method == "random", 0.3)))["random"]
    assert row.accuracy == pytest.approx(0.3)
    assert row.groups not in ([], ["a"])


def test_all_scores_equal_are_one_group(records):
    board = only(records.assign(accuracy=0.5))
    assert {tuple(row.groups) for row in board.rows} == {("a",)}
    assert [row.first for row in board.rows] == pytest.approx([0.2] * 5)
    assert board.floor == 0


@pytest.mark.parametrize("splits", [1, 2])
def test_too_few_splits_still_make_a_board_without_tests(records, splits):
    board = only(records[records.split.isin(["s0", "s1"][:splits])])
    assert board.status == "too few to test"
    assert f"{splits} split(s), 6 are needed" in board.notes[0]
    for row in board.rows:
        assert row.groups == row.ranks == []
        assert (row.first, row.rank_low, row.rank_high) == (None, None, None)
        assert (row.ci_low is None) == (splits == 1)
    assert board.floor is None


def test_two_tasks_in_all(records):
    board = only(records[(records.split == "s0")])
    assert (board.splits, board.tasks) == (1, 2)
    assert len(board.rows) == 5


def test_without_dense_there_is_no_score_but_an_order(records):
    board = only(records[records.method != "dense"])
    assert board.reference == ""
    assert {row.score for row in board.rows} == {None}
    assert [row.groups for row in board.rows] == [row.groups for row in only(records).rows]
    assert "not run" in board.notes[0]


def test_an_incomplete_dense_is_named(records):
    board = only(fake.fail(records, one_cell(records, "dense")))
    assert board.reference == ""
    assert "dense: 1 of" in board.notes[0]


def test_cells_of_the_reference_alone_are_no_part_of_the_board(records):
    more = records[records.method == "dense"].assign(task="t9", cell_key="other")
    board = only(pd.concat([records, more]))
    assert board.tasks == 16
    assert board.reference == "dense"


def test_one_method_alone_is_shown_with_nothing_to_compare(records):
    board = only(records[records.method.isin(["smsp", "dense"])])
    assert board.status == "nothing to compare"
    assert board.rows[0].score is not None


def test_all_cells_failed_leaves_a_board_of_what_is_missing(records):
    board = only(fake.fail(records, records.accuracy.notna()))
    assert board.rows == []
    assert len(board.unranked) == 5


def test_no_transfer_is_no_board():
    frame = fake.records()
    found = leaderboard(frame[frame.stage != "transfer"], PARAMS)
    assert found["boards"] == []


def test_ranked_methods_are_those_with_every_cell(records):
    given = design(settings(transfer_rows(records))[0][1])
    assert ranked_methods(given) == ["l2", "random", "smsp", "taylor", "universal"]
