"""Two runs side by side: exact differences of planted changes, and silence where nothing changed."""

import numpy as np
import pandas as pd
import pytest

from maskbank.config import Compare
from maskbank.statistics.changes import change_lines, changes
from tests.report import fake

PARAMS = Compare()


@pytest.fixture(scope="module")
def run() -> pd.DataFrame:
    return fake.records(8)


def test_a_run_against_itself_has_no_difference(run: pd.DataFrame) -> None:
    found = changes(run, run, PARAMS)
    assert found.points == (len(run), len(run))
    assert found.shared == found.same == len(run)
    assert (len(found.arms), found.about, found.only) == (0, [], ([], []))
    assert change_lines(found, 0.05)[-1].endswith("arms are equal to the last bit, 0 changed")


def test_a_planted_change_is_found_alone(run: pd.DataFrame) -> None:
    other = run.assign(code_version="c1")
    moved = (run.method == "taylor") & (run.stage == "transfer")
    other.loc[moved, "accuracy"] = (run.accuracy[moved] - 0.02).clip(0, 1)
    found = changes(run, other[other.method != "l2"], PARAMS)
    assert list(found.arms.method) == ["taylor", "taylor"]
    assert found.arms.difference.tolist() == pytest.approx([-0.02, -0.02])
    assert found.arms.p_holm.tolist() == pytest.approx([2 * 2 / 2**8] * 2), "the smallest p of 8 splits, Holm over 2"
    assert found.same == found.shared - moved.sum()
    assert found.only == ([f"transfer l2: {(run.method == 'l2').sum()} points"], [])
    assert found.about == [f"code_version: {found.shared} of {found.shared} shared points (c0 -> c1)"]
    lines = "\n".join(change_lines(found, PARAMS.alpha))
    assert "2 differ significantly" in lines
    assert "transfer taylor fashion_mnist resnet20 adam" in lines
    assert "-2.00 points [-2.0, -2.0], n 8, p 0.016" in lines


def test_the_order_of_rows_and_cell_keys_do_not_matter(run: pd.DataFrame) -> None:
    other = fake.records(8, seed=1)
    shuffled = other.sample(frac=1, random_state=0).assign(cell_key=[f"x{place}" for place in range(len(other))])
    pd.testing.assert_frame_equal(changes(run, other, PARAMS).arms, changes(run, shuffled, PARAMS).arms)


def test_few_splits_are_described_and_not_tested() -> None:
    found = changes(fake.records(3), fake.records(3, seed=1), PARAMS)
    assert found.tested == 0
    assert "0 of those could be tested" in "\n".join(change_lines(found, 0.05))
    assert "no test" in "\n".join(change_lines(found, 0.05))


def test_what_one_run_lacks_is_said(run: pd.DataFrame) -> None:
    other = fake.records(8, seed=1)
    other.loc[other.index[5], ["accuracy", "status"]] = [np.nan, "diverged"]
    found = changes(run, other, PARAMS)
    assert any(text.startswith("status: 1 of ") for text in found.about)
    assert (found.arms.missing == "1 points lack an accuracy in one run").sum() == 1


def test_runs_that_share_nothing(run: pd.DataFrame) -> None:
    found = changes(run[:0], run, PARAMS)
    assert found.shared == 0
    assert change_lines(found, 0.05)[-1] == "nothing to compare: the two runs share no point"
    twice = pd.concat([run, run])
    assert changes(run, twice, PARAMS).shared == 0, "points that occur twice are left out"
