"""The joint two-level bootstrap: beside a plain loop over the same draws, closed forms, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskbank.errors import InputError
from maskbank.statistics import resampling
from maskbank.statistics.effects import bootstrap_means
from maskbank.statistics.resampling import (
    equal_weights,
    first_shares,
    resampled_means,
    split_means,
    task_weights,
)
from maskbank.statistics.scores import cluster_means

SPLITS = ("b", "a", "a", "c", "b", "a")  # 3, 2 and 1 tasks, mixed


def scores(methods: int = 3, seeds: int = 2, tasks: int = len(SPLITS)) -> np.ndarray:
    return np.random.default_rng(7).normal(0.6, 0.1, (methods, tasks, seeds))


def by_loops(values: np.ndarray, splits: tuple[str, ...], resamples: int, seed: int) -> np.ndarray:
    """The same draws, one method, resample, split and task at a time."""
    generator = np.random.default_rng(seed)
    names = sorted(set(splits))
    members = [[task for task, split in enumerate(splits) if split == name] for name in names]
    widest = max(map(len, members))
    drawn = generator.integers(0, len(names), (resamples, len(names)))
    chance = generator.random((resamples, len(names), widest))
    found = np.empty((resamples, len(values)))
    for row in range(resamples):
        for method, own in enumerate(values.mean(axis=2)):
            means = []
            for slot, split in enumerate(drawn[row]):
                inside = members[split]
                picks = [inside[int(chance[row, slot, place] * len(inside))] for place in range(len(inside))]
                means.append(np.mean([own[task] for task in picks]))
            found[row, method] = np.mean(means)
    return found


def two_level_variance(table: np.ndarray, splits: tuple[str, ...], seeds: bool) -> float:
    """Variance over resamples of the mean of table [tasks, seeds], by the levels' own variances."""
    names = sorted(set(splits))
    index = np.array([names.index(split) for split in splits])
    means = table.mean(axis=1)
    between = np.var([means[index == one].mean() for one in range(len(names))]) / len(names)
    inside = sum(np.var(means[index == one]) / (index == one).sum() for one in range(len(names)))
    below = sum(np.var(table[index == one], axis=1).mean() / (index == one).sum() for one in range(len(names)))
    return between + (inside + seeds * below / table.shape[1]) / len(names) ** 2


def test_the_same_as_loops_over_the_same_draws():
    values = scores()
    found = resampled_means(values, SPLITS, 200, np.random.default_rng(3))
    np.testing.assert_allclose(found, by_loops(values, SPLITS, 200, 3), rtol=0, atol=1e-12)


def test_the_bootstrap_of_one_method_is_a_view_of_it():
    values = scores(1, 1)
    view = bootstrap_means(values[0, :, 0], SPLITS, 50, np.random.default_rng(3))
    assert (view == resampled_means(values, SPLITS, 50, np.random.default_rng(3))[:, 0]).all()


@pytest.mark.parametrize("seeds", [False, True])
def test_methods_share_their_draws(seeds):
    values = scores()
    alone = resampled_means(values[:1] - values[1:2], SPLITS, 100, np.random.default_rng(0), seeds=seeds)
    both = resampled_means(values, SPLITS, 100, np.random.default_rng(0), seeds=seeds)
    np.testing.assert_allclose(alone[:, 0], both[:, 0] - both[:, 1], atol=1e-12)


@pytest.mark.parametrize("seeds", [False, True])
def test_the_spread_is_the_closed_form(seeds):
    values = scores(1, 4)
    means = resampled_means(values, SPLITS, 100_000, np.random.default_rng(1), seeds=seeds)
    assert means.var() == pytest.approx(two_level_variance(values[0], SPLITS, seeds), rel=0.02)
    assert means.mean() == pytest.approx(split_means(values[0].mean(axis=1), SPLITS).mean(), abs=1e-3)


@pytest.mark.parametrize("seeds", [False, True])
def test_the_mean_of_equal_scores_is_that_score_exactly(seeds):
    means = resampled_means(np.full((2, 6, 3), 0.25), SPLITS, 100, np.random.default_rng(0), seeds=seeds)
    assert (means == 0.25).all()


def test_neither_memory_nor_the_order_of_methods_matters(monkeypatch):
    values = scores()
    before = resampled_means(values, SPLITS, 101, np.random.default_rng(0))
    turned = resampled_means(values[::-1], SPLITS, 101, np.random.default_rng(0))
    np.testing.assert_allclose(turned[:, ::-1], before, atol=1e-15)
    monkeypatch.setattr(resampling, "DRAWS_AT_ONCE", 100)
    np.testing.assert_allclose(resampled_means(values, SPLITS, 101, np.random.default_rng(0)), before, atol=1e-15)


def test_a_task_with_fewer_seeds_uses_no_padding():
    values = np.array([[[1.0, np.nan, np.nan], [2.0, 4.0, 6.0]]])
    means = resampled_means(values, ("a", "b"), 20_000, np.random.default_rng(0), seeds=True)
    assert np.isfinite(means).all()
    np.testing.assert_allclose(6 * means, np.round(6 * means), atol=1e-9)
    assert means.min() == 1
    assert means.max() == 6


@pytest.mark.parametrize(
    "values",
    [
        np.array([[[1.0, np.nan]], [[1.0, 2.0]]]),  # another seed missing for one method
        np.array([[[np.nan]], [[np.nan]]]),  # a task without any score
        np.zeros((2, 3, 1)),  # another number of tasks than labels
        np.zeros((2, 1)),
    ],
)
def test_scores_that_do_not_fit_are_refused(values):
    with pytest.raises(InputError):
        resampled_means(values, ("a",), 10, np.random.default_rng(0))


def test_weights_say_the_same_as_means():
    values = scores()
    weights = task_weights(SPLITS, 60, np.random.default_rng(5))
    means = resampled_means(values, SPLITS, 60, np.random.default_rng(5))
    np.testing.assert_allclose(weights @ values.mean(axis=2).T, means, atol=1e-12)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=9), st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_weights_sum_to_one_and_splits_weigh_the_same(labels, seed):
    splits = tuple(labels)
    weights = task_weights(splits, 20, np.random.default_rng(seed))
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    shares = len(set(splits)) * np.array([weights[:, np.array(splits) == name].sum(axis=1) for name in set(splits)])
    np.testing.assert_allclose(shares, np.round(shares), atol=1e-9)
    assert equal_weights(splits).sum() == pytest.approx(1)


def test_split_means_are_those_of_pairing():
    values = scores(1, 1)[0, :, 0]
    np.testing.assert_allclose(split_means(values, SPLITS), cluster_means(values, SPLITS), atol=1e-15)


def test_sizes_without_a_small_common_multiple_are_averaged_all_the_same():
    primes = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
    splits = tuple(f"s{size:02d}" for size in primes for _ in range(size))
    means = resampled_means(np.ones((1, len(splits), 1)), splits, 20, np.random.default_rng(0))
    np.testing.assert_allclose(means, 1, atol=1e-12)


def test_shares_of_firsts_add_up_and_ties_are_shared():
    means = np.array([[0.5, 0.5, 0.1], [0.2, 0.1, 0.3], [0.9, 0.1, 0.1], [0.3, 0.3, 0.3]])
    assert first_shares(means) == pytest.approx([(0.5 + 1 + 1 / 3) / 4, (0.5 + 1 / 3) / 4, (1 + 1 / 3) / 4])
