"""Control-normalised scores: 0 at the control, 1 at the oracle, and tasks between whose ends nothing can be told."""

import numpy as np
import pytest
from scipy import stats

from maskbank.statistics.normalised import (
    INCOMPLETE,
    NO_SPREAD,
    NOT_ABOVE,
    OVERLAP,
    normalised_means,
    normalised_scores,
)
from tests.report import fake
from tests.statistics.made import design_of, rows_of

NAMES = ("smsp", "shuffled", "random", "oracle")
LEVEL = {"smsp": 0.6, "shuffled": 0.5, "random": 0.4, "oracle": 0.9}


def level(method, split, task, seed, budget, step):
    return LEVEL[method] + 0.01 * step + 0.02 * split


def noisy(seed: int = 0, spread: float = 0.01, gap: dict | None = None):
    generator = np.random.default_rng(seed)

    def score(method, split, task, _, budget, step):
        end = (gap or {}).get(split, 0.4) if method == "oracle" else 0
        return 0.5 + end + 0.01 * step + generator.normal(0, spread)

    return score


def test_the_control_is_0_the_oracle_1_and_a_method_between():
    found = normalised_scores(design_of(rows_of(level, NAMES)))
    means = normalised_means(found).set_index("method")
    assert means.normalised.to_dict() == pytest.approx({"shuffled": 0, "oracle": 1, "smsp": 0.25, "random": -0.25})
    assert (means.n == 8).all()
    assert found.excluded == []


def test_zero_is_at_random_units_where_widths_were_not_shuffled():
    found = normalised_scores(design_of(rows_of(level, ("smsp", "random", "oracle"))))
    assert found.zero == "random"
    assert normalised_means(found).set_index("method").normalised["smsp"] == pytest.approx(0.4)


@pytest.mark.parametrize("absent", ["oracle", "control"])
def test_without_an_end_there_is_no_normalised_score(absent):
    names = ("smsp", "shuffled") if absent == "oracle" else ("smsp", "oracle")
    found = normalised_scores(design_of(rows_of(level, names)))
    assert "were not run at one point" in found.reason
    assert found.excluded == []
    assert normalised_means(found).empty


def test_tasks_are_judged_budget_by_budget():
    def score(method, split, task, seed, budget, step):
        lost = 0.4 if method == "oracle" and budget == 0.5 and split < 3 else 0
        return level(method, split, task, seed, budget, step) - lost

    found = normalised_scores(design_of(rows_of(score, NAMES, budgets=(0.1, 0.5))))
    assert found.excluded == [f"s{split}/t0 keep 0.5: {NOT_ABOVE}" for split in range(3)]
    assert len(found.scores[found.scores.method == "smsp"]) == 13


def test_a_task_between_whose_ends_nothing_can_be_told_is_named_and_excluded():
    found = normalised_scores(design_of(rows_of(noisy(1, gap={2: 0.003, 5: -0.3}), NAMES, steps=(0, 10, 30))))
    assert found.excluded == [f"s2/t0 keep 0.1: {OVERLAP}", f"s5/t0 keep 0.1: {NOT_ABOVE}"]
    assert set(found.scores.split) == {f"s{split}" for split in range(8)} - {"s2", "s5"}


def test_the_interval_is_of_the_spread_left_after_tasks_and_points():
    given = design_of(rows_of(noisy(3), NAMES, steps=(0, 10, 30)))
    scores = given.scores
    gaps = scores.values[scores.arms.index("oracle")] - scores.values[scores.arms.index("shuffled")]
    rest = gaps - gaps.mean(axis=1, keepdims=True) - gaps.mean(axis=0) + gaps.mean()
    df = 8 * 3 - 8 - 2
    expected = stats.t.ppf(0.975, df) * np.sqrt((rest**2).sum() / df) / np.sqrt(3)
    assert normalised_scores(given).ends.half.tolist() == pytest.approx([expected] * 8)


def test_seeds_count_as_values_of_their_task():
    one = normalised_scores(design_of(rows_of(noisy(1), NAMES, steps=(0, 10))))
    four = normalised_scores(design_of(rows_of(noisy(1), NAMES, steps=(0, 10), seeds=4)))
    assert four.ends.half.mean() < one.ends.half.mean()


def test_one_value_a_task_has_no_interval():
    found = normalised_scores(design_of(rows_of(level, NAMES, steps=(10,))))
    assert len(found.excluded) == 8
    assert all(NO_SPREAD in text for text in found.excluded)
    assert normalised_means(found).empty


def test_a_missing_end_is_said_and_a_missing_score_leaves_its_task_out():
    frame = rows_of(noisy(2), NAMES, steps=(0, 10, 30))
    here = (frame.split == "s1") & (frame.steps == 10)
    found = normalised_scores(design_of(fake.fail(frame, here & (frame.method == "oracle"))))
    assert found.excluded == [f"s1/t0 keep 0.1: {INCOMPLETE}"]
    found = normalised_scores(design_of(fake.fail(frame, here & (frame.method == "smsp"))))
    assert normalised_means(found).set_index("method").n.to_dict() == {
        "smsp": 7,
        "shuffled": 8,
        "random": 8,
        "oracle": 8,
    }


def test_constant_ends_without_spread_are_told_apart_by_their_difference():
    def score(method, split, task, seed, budget, step):
        return LEVEL[method] if split else 0.5

    assert normalised_scores(design_of(rows_of(score, NAMES))).excluded == [f"s0/t0 keep 0.1: {NOT_ABOVE}"]
