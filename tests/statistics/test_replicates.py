"""Seeds are averaged inside a task before anything is compared, so that methods need not have the same ones."""

import numpy as np
import pandas as pd
import pytest

from maskbank.config import Compare
from maskbank.statistics.boards import all_boards
from maskbank.statistics.claim import detectable_of
from maskbank.statistics.contrast import INCOMPLETE, TESTED, measure
from maskbank.statistics.power import minimal_detectable_effect
from maskbank.statistics.scores import pair, tabulate
from maskbank.statistics.transfer import settings, transfer_rows
from tests.report import fake
from tests.statistics.made import rows_of

PARAMS = Compare(resamples=100)


def paired(frame: pd.DataFrame, left: str = "smsp", right: str = "random"):
    return pair(tabulate(settings(transfer_rows(frame))[0][1]), left, right)


def height(method, split, task, seed, budget, step):
    """A ramp over splits; `random` is 0.01 lower for each of its seeds."""
    return 0.5 + 0.01 * split - (0.01 * (1 + seed) if method == "random" else 0)


def both(own: int, other: int, first: int = 0) -> pd.DataFrame:
    """Rows of smsp with `own` seeds from 0 on, and of random with `other` seeds from `first` on."""
    smsp = rows_of(height, ("smsp",), seeds=own)
    random = rows_of(height, ("random",), seeds=other)
    return pd.concat([smsp, random.assign(seed=random.seed + first)], ignore_index=True)


@pytest.mark.parametrize(("own", "other", "first"), [(1, 3, 0), (2, 3, 7), (3, 1, 0), (1, 1, 5)])
def test_the_difference_is_one_of_task_means(own, other, first):
    found = paired(both(own, other, first))
    assert found.missing == ()
    assert found.clusters == pytest.approx([0.01 * (1 + other) / 2] * 8)
    assert measure(found, PARAMS).status == TESTED


def test_the_same_seeds_are_as_if_paired():
    generator = np.random.default_rng(0)
    frame = rows_of(lambda *_: generator.random(), ("smsp", "random"), seeds=3)
    found = paired(frame)
    assert found.differences == pytest.approx(np.mean(found.left - found.right, axis=1))


def test_what_is_missing_of_a_methods_own_seeds_is_named():
    frame = both(1, 2, 4)
    lost = (frame.method == "random") & (frame.split == "s3") & (frame.seed == 5) & (frame.steps == 10)
    found = paired(fake.fail(frame, lost))
    assert found.missing == ("random: 1 of 32 points (s3/t0 seed 5 keep 0.1 T 10: failed)",)
    assert len(found.clusters) == 8, "its other seed of the task is there"
    assert measure(found, PARAMS).status == INCOMPLETE
    absent = paired(frame[(frame.method != "random") | (frame.split != "s3")])
    assert "no row" in absent.missing[0]
    assert len(absent.clusters) == 7


def test_an_extra_repeat_keeps_no_method_from_the_board():
    generator = np.random.default_rng(0)
    frame = rows_of(lambda *_: 0.5 + 0.1 * generator.random(), ("smsp", "l2", "dense"))
    more = rows_of(lambda *_: 0.3 + 0.1 * generator.random(), ("random",), seeds=4)
    board = all_boards(pd.concat([frame, more], ignore_index=True), PARAMS)[0]
    assert board.status == "tested"
    assert {row.method for row in board.rows} == {"smsp", "l2", "random"}
    assert board.unranked == []
    random = next(row for row in board.rows if row.method == "random")
    own = more.groupby(["split", "task"]).accuracy.mean()
    assert random.accuracy == pytest.approx(own.mean())


def test_draws_of_a_control_show_in_its_interval_and_average_out():
    """A mask a draw with an effect of its own: one draw for all tasks hides it, one a task shows it, many lessen it."""
    generator = np.random.default_rng(1)
    luck = generator.normal(0, 0.05, (8, 40))

    def with_luck(method, split, task, seed, budget, step):
        return 0.5 + (luck[split, seed] if method == "random" else 0)

    one, many = (
        paired(pd.concat([rows_of(with_luck, ("smsp",)), rows_of(with_luck, ("random",), seeds=draws)]))
        for draws in (1, 40)
    )
    assert one.clusters.std(ddof=1) == pytest.approx(luck[:, 0].std(ddof=1))
    assert many.clusters.std(ddof=1) < one.clusters.std(ddof=1) / 3


def test_a_claim_detects_what_all_of_its_tests_would_show():
    row = {"status": TESTED, "scale": "points", "sd": 0.02, "n": 8, "family_size": 5}
    alone = detectable_of([row], 0.05, corrected=False)
    assert alone == pytest.approx(minimal_detectable_effect(0.02, 8))
    assert detectable_of([row], 0.05, corrected=True) == pytest.approx(minimal_detectable_effect(0.02, 8, 0.01))
    several = detectable_of([row, row | {"sd": 0.01}, row], 0.05, corrected=False)
    assert several == pytest.approx(minimal_detectable_effect(0.02, 8, power=0.8 ** (1 / 3)))
    assert detectable_of([row | {"status": INCOMPLETE}], 0.05, corrected=False) is None
    assert detectable_of([row | {"scale": "share"}], 0.05, corrected=False) is None
    assert detectable_of([row | {"scale": "log"}], 0.05, corrected=False) == pytest.approx(np.expm1(alone))
