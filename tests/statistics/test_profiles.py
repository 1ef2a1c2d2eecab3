"""Profiles and aggregates over tasks: exact small tables, scipy and numpy as references, bands that hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from maskbank.errors import InputError
from maskbank.statistics.aggregates import iqm, weighted_iqm, weighted_mean, weighted_median
from maskbank.statistics.crossed import Crossed
from maskbank.statistics.profiles import MIDDLE, PROFILE, middle_means, performance_profiles, reached, relative

SPLITS = ("a", "a", "b", "c", "d")


def crossed(values: np.ndarray, splits: tuple[str, ...] = SPLITS) -> Crossed:
    names = ("smsp", "l2", "dense")[: len(values)]
    return Crossed(names, values, splits, tuple(f"t{task}" for task in range(len(splits))))


def scores(seed: int = 0) -> Crossed:
    return crossed(np.random.default_rng(seed).uniform(0.3, 0.9, (3, 5, 2)))


def even(count: int) -> np.ndarray:
    return np.full((1, count), 1 / count)


@pytest.mark.parametrize("count", [4, 8, 40])
def test_iqm_is_scipys_trimmed_mean(count):
    values = np.random.default_rng(count).normal(size=(3, count))
    assert weighted_iqm(values, even(count))[0] == pytest.approx(stats.trim_mean(values, 0.25, axis=1))


def test_a_task_on_the_edge_counts_in_part():
    assert weighted_iqm([[0.0, 1.0, 2.0, 3.0, 4.0, 50.0]], even(6))[0] == pytest.approx([(0.5 + 2 + 3 + 2) / 3])


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9))
@settings(max_examples=50, deadline=None)
def test_the_median_is_numpys(values):
    table = np.array([values], dtype=float)
    assert weighted_median(table, even(len(values)))[0, 0] == np.median(values)
    assert weighted_mean(table, even(len(values)))[0, 0] == pytest.approx(np.mean(values))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6).filter(any), st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_whole_weights_are_repeats(counts, seed):
    values = np.random.default_rng(seed).normal(size=(2, len(counts)))
    weights = np.array([counts]) / sum(counts)
    repeated = np.repeat(values, counts, axis=1)
    assert weighted_median(values, weights)[0] == pytest.approx(np.median(repeated, axis=1))
    assert weighted_iqm(values, weights)[0] == pytest.approx(weighted_iqm(repeated, even(sum(counts)))[0])


def test_splits_weigh_the_same_in_the_iqm():
    assert iqm([[9.0, 9.0, 0.0, 1.0, 0.5]], SPLITS) == pytest.approx([0.75])


def test_scores_are_shares_of_the_reference_task_by_task():
    found = relative(scores(), "dense")
    values = scores().values
    assert found.methods == ("smsp", "l2")
    assert found.values[0, 3] == pytest.approx(values[0, 3] / values[2, 3].mean())


def test_a_task_on_which_the_reference_scores_nothing_is_left_out():
    values = scores().values
    values[2, 1] = 0
    found = relative(crossed(values), "dense")
    assert found.tasks == ("t0", "t2", "t3", "t4")
    assert np.isfinite(found.values).all()


def test_without_a_reference_there_is_no_share():
    with pytest.raises(InputError, match="dense: not among smsp, l2"):
        relative(scores().only(["smsp", "l2"]), "dense")
    with pytest.raises(InputError, match="none: not among"):
        relative(scores(), "")


def test_reached_counts_seeds_and_no_padding():
    assert reached([[[0.8, 1.0, np.nan]]], [0.5, 0.8, 0.9, 1.1])[0, 0].tolist() == [1, 1, 0.5, 0]


def test_a_profile_by_hand():
    values = np.array([[[0.9, 0.9], [0.7, 0.9], [0.9, 0.5], [1.0, 1.0], [0.1, 0.2]]])
    frame = performance_profiles(crossed(values), 50, np.random.default_rng(0), (0.6, 0.9))
    assert list(frame.columns) == PROFILE
    assert frame.share.tolist() == pytest.approx([(1 + 0.5 + 1 + 0) / 4, (0.75 + 0.5 + 1 + 0) / 4])


def test_profiles_fall_and_lie_inside_their_bands():
    frame = performance_profiles(relative(scores(), "dense"), 500, np.random.default_rng(0))
    for _, own in frame.groupby("method"):
        assert (np.diff(own.share) <= 1e-12).all()
    assert (frame.low <= frame.share + 1e-9).all()
    assert (frame.share <= frame.high + 1e-9).all()
    assert frame.high.max() <= 1 + 1e-9


def test_the_interquartile_mean_has_its_interval():
    frame = middle_means(scores(), 500, np.random.default_rng(0))
    assert list(frame.columns) == MIDDLE
    assert frame.iqm.tolist() == pytest.approx(iqm(scores().task_means, SPLITS).tolist())
    assert (frame.low <= frame.iqm).all()
    assert (frame.iqm <= frame.high).all()


def test_one_split_has_no_band():
    one = crossed(scores().values, ("a",) * 5)
    assert performance_profiles(one, 50, np.random.default_rng(0))[["low", "high"]].isna().all(axis=None)
    assert middle_means(one, 50, np.random.default_rng(0))[["low", "high"]].isna().all(axis=None)


def test_without_a_task_nothing_is_known():
    none = relative(crossed(np.empty((3, 0, 1)), ()), "dense")
    assert performance_profiles(none, 50, np.random.default_rng(0))[["share", "low", "high"]].isna().all(axis=None)
    assert middle_means(none, 50, np.random.default_rng(0))[["iqm", "low", "high"]].isna().all(axis=None)


def test_the_same_generator_gives_the_same_bands():
    first, second = (middle_means(scores(), 50, np.random.default_rng(3)) for _ in range(2))
    assert first.equals(second)
