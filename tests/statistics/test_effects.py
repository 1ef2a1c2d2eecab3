"""Effect sizes, intervals, and the rate of false positives when tasks are clustered."""

import numpy as np
import pytest
from scipy import stats

from maskbank.config import Compare
from maskbank.statistics.contrast import INCOMPLETE, INSUFFICIENT, TESTED, measure
from maskbank.statistics.contrasts import units_needed
from maskbank.statistics.effects import (
    bootstrap_means,
    half_width,
    improvement_interval,
    improvements,
    interval,
    probability_of_improvement,
    tally,
)
from maskbank.statistics.paired import paired_p
from maskbank.statistics.power import pairs_needed
from maskbank.statistics.scores import Pairs, cluster_means

PARAMS = Compare(resamples=500)


def pairs(differences: list[float], splits: list[str], missing: tuple[str, ...] = ()) -> Pairs:
    left = np.array(differences)[:, None]
    return Pairs(left, np.zeros_like(left), tuple(splits), missing)


def test_splits_weigh_the_same_whatever_their_number_of_tasks():
    assert cluster_means(np.array([1.0, 3.0, 10.0]), ("a", "a", "b")).tolist() == [2, 10]


def test_seeds_are_averaged_inside_a_task():
    given = Pairs(np.array([[1.0, 3.0], [5.0, np.nan]]), np.array([[0.0, 0.0], [1.0, np.nan]]), ("a", "b"))
    assert given.differences.tolist() == [2, 4]


def test_tally_rounds_noise_to_a_tie():
    counts = tally(np.array([0.1, -0.2, 1e-12]))
    assert (counts.wins, counts.ties, counts.losses) == (1, 1, 1)


def test_probability_of_improvement_counts_pairs_of_seeds_and_halves_ties():
    left, right = np.array([[1.0, 3.0], [5.0, 5.0]]), np.array([[2.0, 2.0], [5.0, 5.0]])
    assert probability_of_improvement(Pairs(left, right, ("a", "b"))) == 0.5
    assert probability_of_improvement(Pairs(left, right - 9, ("a", "b"))) == 1


def test_improvements_are_of_splits_and_their_interval_is_students_inside_0_to_1():
    left, right = np.array([[1.0, 3.0], [5.0, 5.0], [0.0, 0.0]]), np.array([[2.0, 2.0], [4.0, 4.0], [1.0, 1.0]])
    assert improvements(Pairs(left, right, ("a", "a", "b"))).tolist() == [0.75, 0]
    assert improvements(Pairs(left, left, ("a", "a", "b"))).tolist() == [0.5, 0.5]
    values = np.array([0.4, 0.5, 0.6, 0.5])
    assert improvement_interval(values) == pytest.approx(stats.ttest_1samp(values, 0).confidence_interval())
    assert improvement_interval(np.array([0.0, 1.0])) == (0, 1)
    assert np.isnan(improvement_interval(np.array([1.0, 1.0, 1.0]))).all(), "splits agree"
    assert np.isnan(improvement_interval(np.array([0.7]))).all()


def test_bootstrap_of_constant_differences_is_that_constant():
    means = bootstrap_means(np.full(5, 0.25), ("a", "a", "b", "c", "c"), 50, np.random.default_rng(0))
    assert (means == 0.25).all()


def test_bootstrap_spread_is_the_closed_form_for_one_task_a_split():
    values = np.random.default_rng(1).normal(size=40)
    means = bootstrap_means(values, tuple(f"s{i}" for i in range(40)), 20000, np.random.default_rng(0))
    assert means.std() == pytest.approx(values.std() / np.sqrt(40), rel=0.03)


def test_bootstrap_uses_no_padding():
    means = bootstrap_means(np.array([1.0, 1.0, 1.0, 2.0]), ("a", "a", "a", "b"), 300, np.random.default_rng(0))
    assert set(means) == {1.0, 1.5, 2.0}


def test_one_split_has_no_interval():
    assert np.isnan(interval(np.array([1.0, 2.0]), ("a", "a"), 100, np.random.default_rng(0))).all()
    assert np.isnan(half_width(1.0, 1))


def test_half_width_closed_form():
    assert half_width(1.0, 4) == pytest.approx(3.182446 / 2)


def test_the_interval_is_students_over_splits():
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.9]
    low, high = stats.ttest_1samp(values, 0).confidence_interval()
    found = measure(
        pairs([value for value in values for _ in range(2)], [name for name in "abcdef" for _ in range(2)]), PARAMS
    )
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high))


def test_below_six_splits_there_is_no_p():
    found = measure(pairs([0.1, 0.2, 0.3], ["a", "b", "c"]), PARAMS)
    assert found.status == INSUFFICIENT
    assert np.isnan([found.p, found.equivalence_p]).all()
    assert found.ci_high - found.difference == pytest.approx(half_width(0.1, 3))


def test_many_tasks_in_few_splits_are_still_too_few():
    assert measure(pairs([0.1] * 30, ["a", "b", "c"] * 10), PARAMS).status == INSUFFICIENT


def test_an_incomplete_block_refuses_the_test_and_is_named():
    found = measure(pairs([0.1] * 8, list("abcdefgh"), ("l2: 1 of 8 points",)), PARAMS)
    assert found.status == INCOMPLETE
    assert np.isnan([found.p, found.ci_low, found.equivalence_p]).all()
    assert found.missing == "l2: 1 of 8 points"


def test_the_splits_that_the_smallest_effect_of_interest_needs():
    assert units_needed(0.02, 0.03, 0.05) == pairs_needed(0.02, 0.03) > 6
    assert units_needed(0.02, 0.03, 0.01) > units_needed(0.02, 0.03, 0.05), "more after a correction"
    assert units_needed(0.2, 0.03, 0.05) == 6
    assert np.isnan(units_needed(0.02, np.nan, 0.05))


def test_six_agreeing_splits_are_tested():
    found = measure(pairs([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], list("abcdef")), PARAMS)
    assert found.status == TESTED
    assert found.p == pytest.approx(stats.ttest_1samp([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 0).pvalue)
    assert found.difference == pytest.approx(0.35)
    assert found.ci_low < found.difference < found.ci_high


def test_false_positives_stay_at_the_level_when_tasks_share_a_split():
    generator, runs, splits = np.random.default_rng(0), 1000, 8
    shared = generator.normal(0, 0.03, (runs, splits, 1))
    differences = shared + generator.normal(0, 0.02, (runs, splits, 3))
    names = tuple(np.repeat([f"s{i}" for i in range(splits)], 3))
    by_split = np.mean([paired_p(cluster_means(run.ravel(), names)) <= 0.05 for run in differences])
    by_task = np.mean([paired_p(run.ravel()) <= 0.05 for run in differences])
    assert by_split <= 0.06
    assert by_task > 0.15
