"""Sanity checks: each passes on a sound board, fails on one that is broken in its way, and withdraws its headlines."""

import numpy as np
import pandas as pd
import pytest

from maskbank.config import Compare
from maskbank.records.schema import SHUFFLED_LABELS
from maskbank.statistics.boards import all_boards
from maskbank.statistics.finding import FAIL, NOT_APPLICABLE, PASS
from maskbank.statistics.sanity import (
    SanityCheck,
    at_chance,
    halving_p,
    richer_wins,
    same_against_same,
    sanity_checks,
    seed_table,
    withdrawn,
)
from tests.report import fake
from tests.statistics.made import design_of, rows_of

PARAMS = Compare(resamples=200)
NAMES = ("smsp", "l2", "dense")


def noisy(seed: int = 0, by_seed: float = 0.0, by_budget: float = 0.0):
    """Noise alone; later seeds are better by `by_seed` in every task, a doubled budget by `by_budget`."""
    generator = np.random.default_rng(seed)

    def score(method, split, task, seed, budget, step):
        return 0.6 + by_seed * seed + by_budget * np.log2(budget) + generator.normal(0, 0.02)

    return score


def test_disjoint_seeds_of_one_method_do_not_differ():
    found = same_against_same(design_of(rows_of(noisy(), NAMES, seeds=6)), PARAMS, "x")
    assert found.holds == PASS
    assert "of 20 tests of 2 methods" in found.looked_at


def test_seeds_that_are_not_exchangeable_fail():
    found = same_against_same(design_of(rows_of(noisy(by_seed=0.05), NAMES, seeds=6)), PARAMS, "x")
    assert found.holds == FAIL


def test_halvings_are_every_way_to_halve_once():
    given = design_of(rows_of(noisy(), NAMES, seeds=4))
    table, splits = seed_table(given, "smsp"), tuple(given.tasks.split)
    assert table.shape == (8, 4)
    assert len(halving_p(table, splits, np.random.default_rng(0))) == 3
    assert len(halving_p(table[:, :3], splits, np.random.default_rng(0))) == 3
    wide = seed_table(design_of(rows_of(noisy(), NAMES, seeds=10)), "smsp")
    assert len(halving_p(wide, splits, np.random.default_rng(0))) == 50


def test_seeds_average_pretraining_seeds_and_leave_out_those_a_task_lacks():
    first = rows_of(lambda *at: at[3], NAMES, seeds=3, pretrain_seed=0.0)
    second = first.assign(pretrain_seed=1.0, accuracy=first.accuracy + 1)
    frame = pd.concat([first, second], ignore_index=True)
    given = design_of(frame[(frame.split != "s0") | (frame.seed != 1)])
    assert seed_table(given, "smsp").tolist() == [[0.5, 2.5]] * 8


def test_two_seeds_are_one_against_the_other_and_one_seed_is_nothing():
    found = same_against_same(design_of(rows_of(noisy(), NAMES, seeds=2)), PARAMS, "x")
    assert found.holds == PASS
    assert "of 2 tests of 2 methods" in found.looked_at
    found = same_against_same(design_of(rows_of(noisy(), NAMES)), PARAMS, "x")
    assert (found.holds, found.looked_at) == (
        NOT_APPLICABLE,
        "8 splits, 0 methods with 2 seeds or more of every task: nothing is tested",
    )


def test_a_seed_that_differs_from_another_fails():
    """Records in which the seeds of a method are not exchangeable: the second of each task is better by a fixed amount."""
    noise = noisy()
    frame = rows_of(lambda *at: 0.5 + 0.2 * at[3] + 0.1 * noise(*at), NAMES, seeds=2)
    assert same_against_same(design_of(frame), PARAMS, "x").holds == FAIL


def test_a_method_with_one_seed_does_not_stop_the_others():
    frame = rows_of(noisy(), NAMES, seeds=4)
    found = same_against_same(design_of(frame[(frame.method != "l2") | (frame.seed == 0)]), PARAMS, "x")
    assert "of 1 methods" in found.looked_at


@pytest.mark.parametrize("splits", [1, 5])
def test_too_few_splits_have_no_sanity_check(splits):
    given = design_of(rows_of(noisy(), NAMES, splits=splits, budgets=(0.1, 0.2)))
    assert {check.holds for check in sanity_checks(given, pd.DataFrame(), PARAMS, "x")} == {NOT_APPLICABLE}


def test_constant_scores_find_nothing():
    given = design_of(rows_of(lambda *_: 0.5, NAMES, seeds=4))
    assert same_against_same(given, PARAMS, "x").holds == PASS


def test_a_richer_budget_wins():
    found = richer_wins(design_of(rows_of(noisy(by_budget=0.1), NAMES, budgets=(0.05, 0.1, 0.2))), 0.05)
    assert found.holds == PASS
    assert "2 of 2 methods" in found.looked_at
    assert "mean of 4 steps +9.81" in found.looked_at


def test_a_board_that_reverses_the_budgets_fails():
    found = richer_wins(design_of(rows_of(noisy(by_budget=-0.1), NAMES, budgets=(0.05, 0.1, 0.2))), 0.05)
    assert found.holds == FAIL
    assert "lost: l2, smsp, l2 0.1 against 0.05" in found.looked_at


def test_a_gain_that_is_not_shown_is_no_failure():
    """Methods that all gain, each too noisy to show it in eight splits; and budgets that change nothing."""
    for slope, noise in ((0.02, 1.0), (0.0, 0.01)):
        generator = np.random.default_rng(2)

        def score(method, split, task, seed, budget, step, slope=slope, noise=noise, generator=generator):
            return 0.5 + slope * budget + generator.normal(0, noise)

        found = richer_wins(design_of(rows_of(score, NAMES, budgets=(0.05, 0.1, 0.2))), 0.05)
        assert found.holds in (PASS, NOT_APPLICABLE), found.looked_at


def test_one_step_that_is_lost_fails_a_method_that_wins_on_average():
    heights = {0.05: 0.2, 0.1: 0.9, 0.2: 0.8}
    noise = noisy()

    def score(method, split, task, seed, budget, step):
        return heights.get(budget, 0.9) + noise(method, split, task, seed, 1.0, step) - 0.6

    found = richer_wins(design_of(rows_of(score, NAMES, budgets=tuple(heights))), 0.05)
    assert found.holds == FAIL
    assert "2 of 2 methods" in found.looked_at
    assert "lost: l2 0.2 against 0.1, smsp 0.2 against 0.1" in found.looked_at


def test_a_budget_with_a_missing_cell_is_no_step():
    frame = rows_of(noisy(by_budget=0.1), ("smsp", "dense"), budgets=(0.05, 0.1, 0.2))
    gone = (frame.budget_asked == 0.1) & (frame.split == "s0")
    found = richer_wins(design_of(fake.fail(frame, gone)), 0.05)
    assert "mean of 1 steps" in found.looked_at


def shuffled_rows(above: float) -> pd.DataFrame:
    generator = np.random.default_rng(4)
    return rows_of(lambda *_: 1 / 3 + above + generator.normal(0, 0.02), ("smsp",), variant=SHUFFLED_LABELS)


def test_shuffled_labels_are_at_chance_or_fail():
    assert at_chance(shuffled_rows(0.0)).holds == PASS
    found = at_chance(shuffled_rows(0.1))
    assert found.holds == FAIL
    assert "+10" in found.looked_at
    assert at_chance(shuffled_rows(-0.1)).holds == FAIL


def test_shuffled_labels_need_rows_and_splits():
    assert at_chance(pd.DataFrame()).holds == NOT_APPLICABLE
    assert at_chance(shuffled_rows(0)[:2]).holds == NOT_APPLICABLE
    assert at_chance(shuffled_rows(0).assign(accuracy=np.nan)).holds == NOT_APPLICABLE


def test_a_failing_sanity_check_withdraws_the_headlines_of_its_board_alone():
    sound = rows_of(noisy(by_budget=0.1), NAMES, budgets=(0.1, 0.2))
    other = rows_of(noisy(by_budget=0.1), NAMES, budgets=(0.1, 0.2), backbone="vit")
    frame = pd.concat([sound, other, shuffled_rows(0.2)], ignore_index=True)
    broken, whole = all_boards(frame, PARAMS)
    assert broken.setting["backbone"] == "resnet20"
    assert [check.holds for check in broken.sanity_checks] == [NOT_APPLICABLE, PASS, FAIL]
    assert broken.withdrawn[0].startswith("shuffled labels: accuracy minus chance +2")
    assert whole.withdrawn == []
    assert broken.rows != []


def test_withdrawn_says_which():
    assert withdrawn([SanityCheck("A/A", PASS, "x"), SanityCheck("A/B", NOT_APPLICABLE, "y")]) == ()
    assert withdrawn([SanityCheck("A/A", FAIL, "x"), SanityCheck("A/B", FAIL, "y")]) == ("A/A: x", "A/B: y")
