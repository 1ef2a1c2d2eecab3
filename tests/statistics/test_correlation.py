"""Rank correlation of similarity with overlap and accuracy: by hand, against scipy, and what few splits allow."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from maskbank.config import Compare
from maskbank.statistics.correlation import (
    CORRELATED,
    INSUFFICIENT,
    MEASURED,
    NOTHING,
    correlate,
    correlations,
    outcomes,
    relation_table,
    spearman,
    within,
)
from tests.report.fake_relations import LAYERS, relations

PARAMS = Compare(resamples=400)
EVERY = ["similarity_leep", "similarity_prototypes", "similarity_label_free"]


def table(targets: dict[tuple[str, str, int], tuple[list[float], list[float]]]) -> pd.DataFrame:
    """Rows of targets (split, task, seed) with their similarities and overlaps."""
    rows = [
        {"split": split, "task": task, "pretrain_seed": 0, "seed": seed, "similarity_leep": x, "overlap": y}
        for (split, task, seed), (xs, ys) in targets.items()
        for x, y in zip(xs, ys, strict=True)
    ]
    return pd.DataFrame(rows)


def correlated(targets: dict[tuple[str, str, int], tuple[list[float], list[float]]]):
    return correlate(table(targets), "similarity_leep", "overlap", PARAMS, "x")


def test_spearman_by_hand():
    assert spearman([1, 2, 3], [10, 20, 30]) == 1
    assert spearman([1, 2, 3], [3, 2, 1]) == -1
    assert spearman([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(1 - 6 * 2 / (4 * 15))


def test_spearman_is_scipys_with_ties():
    generator = np.random.default_rng(0)
    for _ in range(30):
        x, y = generator.integers(0, 6, 12), generator.integers(0, 6, 12)
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1, 1, 1], [1, 2, 3]),
        ([1, 2], [1, 2]),
        ([1, 2, np.nan], [1, 2, 3]),
        ([], []),
        ([0.1 + 0.2, 0.3, 0.3], [1, 2, 3]),
    ],
)
def test_constant_or_few_values_have_no_correlation(x, y):
    assert np.isnan(spearman(x, y))


UP, DOWN = ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0])
FLAT = ([1.0, 2.0, 3.0], [5.0, 5.0, 5.0])


def test_seeds_tasks_and_splits_are_averaged_in_this_order():
    found = correlated(
        {("a", "t0", 0): UP, ("a", "t0", 1): DOWN, ("a", "t1", 0): UP, ("b", "t0", 0): UP, ("b", "t1", 0): UP}
    )
    assert found.correlation == (0.5 + 1) / 2
    assert (found.n, found.targets, found.pairs) == (2, 4, 15)
    assert found.sd == pytest.approx(np.std([0.5, 1], ddof=1))


def test_constant_targets_are_left_out_and_counted():
    found = correlated({("a", "t0", 0): UP, ("a", "t1", 0): FLAT})
    assert (found.correlation, found.constant, found.targets) == (1, 1, 1)
    assert np.isnan([found.ci_low, found.sd]).all()
    nothing = correlated({("a", "t0", 0): FLAT})
    assert (nothing.status, nothing.n, nothing.constant) == (NOTHING, 0, 1)
    assert np.isnan([nothing.correlation, nothing.pooled]).all()


def test_similarity_is_compared_inside_a_target_only():
    """Two targets whose entries lie far apart: inside each the order is reversed, over both it is not."""
    found = correlated({("a", "t0", 0): DOWN, ("b", "t0", 0): ([11.0, 12.0, 13.0], [13.0, 12.0, 11.0])})
    assert found.correlation == -1
    assert found.pooled > 0


def test_all_targets_at_once_are_each_on_its_own():
    generator = np.random.default_rng(2)
    targets = {
        (f"s{index}", "t0", seed): (generator.integers(0, 4, size).tolist(), generator.integers(0, 4, size).tolist())
        for index, size in enumerate([2, 3, 5, 9, 9])
        for seed in (0, 1)
    }
    found = within(table(targets).astype({"similarity_leep": float, "overlap": float}), "similarity_leep", "overlap")
    for (split, task, seed), (x, y) in targets.items():
        np.testing.assert_allclose(found.loc[split, task, 0, seed], spearman(x, y))


def test_below_six_splits_it_says_so():
    few = correlated({(f"s{index}", "t0", 0): UP if index else DOWN for index in range(5)})
    assert few.status == INSUFFICIENT
    assert few.ci_low >= -1
    assert few.ci_high == 1, "a t-interval is cut at the ends of the scale"
    enough = correlated({(f"s{index}", "t0", 0): UP if index else DOWN for index in range(6)})
    assert enough.status == MEASURED
    assert enough.ci_low < enough.correlation < enough.ci_high <= 1


def test_the_interval_covers_the_truth():
    """60 sets of 8 splits with 2 targets of 10 entries, drawn from a normal population with correlation 0.4."""
    generator, covariance = np.random.default_rng(1), [[1, 0.4], [0.4, 1]]
    many = generator.multivariate_normal([0, 0], covariance, (4000, 10))
    truth, covered = np.mean([spearman(*pairs.T) for pairs in many]), 0
    for _ in range(60):
        drawn = generator.multivariate_normal([0, 0], covariance, (8, 2, 10))
        targets = {
            (f"s{split}", f"t{task}", 0): (drawn[split, task, :, 0].tolist(), drawn[split, task, :, 1].tolist())
            for split in range(8)
            for task in range(2)
        }
        found = correlated(targets)
        covered += found.ci_low <= truth <= found.ci_high
    assert 50 <= covered <= 60


def test_relations_of_records():
    records, metrics = relations(6)
    related = relation_table(records, metrics)
    assert len(related) == 6 * 2 * 2 * 8, "splits, tasks, banks, entries"
    assert related.overlap_above_chance.equals(related.overlap - 0.06)
    layers = [f"overlap_by_layer@{layer}" for layer in LAYERS]
    assert outcomes(related) == ["overlap", "overlap_above_chance", *layers, "accuracy_of_entry@10"]
    found = correlations(related, PARAMS)
    assert list(found.columns) == CORRELATED
    assert len(found) == 2 * (6 * 3 + 1)
    one = found[(found.bank == "amp10") & (found.outcome == "overlap")].set_index("similarity")
    assert one.loc["similarity_leep"].ci_low > 0.3
    assert abs(one.loc["similarity_prototypes"].correlation) < 0.3
    assert set(found.n) == {6}
    assert set(found.targets) == {12}
    assert set(found.pairs) == {96}
    assert one.loc[EVERY].status.eq(MEASURED).all()


def test_adding_a_bank_leaves_the_numbers_of_another_alone():
    records, metrics = relations(6)
    both = correlations(relation_table(records, metrics), PARAMS)
    alone = correlations(relation_table(records[records.bank == "amp10"], metrics), PARAMS)
    pd.testing.assert_frame_equal(both[both.bank == "amp10"].reset_index(drop=True), alone)


def test_without_the_stage_relate_there_is_nothing():
    records, metrics = relations(2)
    table = relation_table(records[records.stage == "prune"], metrics)
    assert table.empty
    assert outcomes(table) == []
    assert list(correlations(table, PARAMS).columns) == CORRELATED


def test_a_measure_that_was_not_taken_has_no_rows():
    records, metrics = relations(2)
    found = correlations(relation_table(records, metrics[metrics.metric != "similarity_label_free"]), PARAMS)
    assert "similarity_label_free" not in set(found.similarity)
    assert set(found.status) == {INSUFFICIENT}
