"""The paired t-test, Holm, equivalence, power and ranks: exact small examples, then agreement with SciPy and statsmodels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired

from maskbank.errors import InputError
from maskbank.statistics.equivalence import not_below, tost
from maskbank.statistics.holm import holm
from maskbank.statistics.paired import paired_p
from maskbank.statistics.power import detection_power, minimal_detectable_effect, pairs_needed
from maskbank.statistics.ranks import friedman, mean_ranks, rank_rows

FRACTIONS = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_holm_keeps_the_running_maximum():
    assert holm([0.03, 0.04]) == pytest.approx([0.06, 0.06])
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def test_holm_counts_a_refused_test_in_the_family():
    adjusted = holm([0.01, np.nan])
    assert adjusted[0] == pytest.approx(0.02)
    assert np.isnan(adjusted[1])


@given(FRACTIONS)
@settings(max_examples=25, deadline=None)
def test_holm_agrees_with_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=12).filter(lambda values: np.ptp(np.round(values, 9)) > 1e-6))
@settings(max_examples=25, deadline=None)
def test_the_paired_t_test_agrees_with_scipy(values):
    assert paired_p(values) == pytest.approx(stats.ttest_1samp(np.round(values, 9), 0).pvalue, rel=1e-6)


def test_tost_agrees_with_statsmodels():
    generator = np.random.default_rng(1)
    left, right = generator.normal(0, 1, 12), generator.normal(0.1, 1, 12)
    assert tost(left - right, 0.8) == pytest.approx(ttost_paired(left, right, -0.8, 0.8)[0])


def test_equivalence_without_spread_is_certain():
    assert tost([0.001] * 6, 0.005) == 0
    assert tost([0.01] * 6, 0.005) == 1
    assert np.isnan(not_below([0.1], 0))


def test_minimal_detectable_effect_agrees_with_statsmodels():
    expected = TTestPower().solve_power(effect_size=None, nobs=8, alpha=0.05, power=0.8)
    assert minimal_detectable_effect(2.0, 8) == pytest.approx(2 * expected, rel=1e-4)
    assert minimal_detectable_effect(0.0, 8) == 0
    assert np.isnan(minimal_detectable_effect(1.0, 2))


@pytest.mark.parametrize("n", [3, 4, 8, 40, 1000])
def test_minimal_detectable_effect_is_found_with_the_power_asked(n):
    shift = minimal_detectable_effect(1.0, n) * np.sqrt(n)
    assert detection_power(shift, n) == pytest.approx(0.8, abs=1e-6)


def test_pairs_needed_is_the_first_number_that_suffices():
    needed = pairs_needed(0.02, 0.04)
    assert minimal_detectable_effect(0.04, needed) <= 0.02 < minimal_detectable_effect(0.04, needed - 1)
    assert pairs_needed(0.02, 0.0) == 3


@pytest.mark.parametrize("sd", [np.nan, np.inf])
def test_an_unknown_deviation_is_refused(sd):
    with pytest.raises(InputError, match="sd"):
        pairs_needed(0.02, sd)


def test_ranks_share_ties_and_friedman_agrees_with_scipy():
    assert rank_rows([[0.9, 0.5, 0.5]]).tolist() == [[1, 2.5, 2.5]]
    scores = np.random.default_rng(2).random((9, 4))
    assert friedman(scores).chi2 == pytest.approx(stats.friedmanchisquare(*scores.T).statistic)


def test_friedman_of_equal_scores_sees_nothing_and_of_one_order_everything():
    assert friedman(np.ones((6, 3))).p == 1
    assert friedman(np.tile([0.1, 0.2, 0.3], (6, 1))).p == 0


def test_friedman_refuses_gaps():
    with pytest.raises(InputError, match="gaps"):
        friedman([[0.1, np.nan], [0.2, 0.3]])


def test_mean_ranks_lie_inside_their_intervals():
    ranks = mean_ranks(np.random.default_rng(3).random((8, 3)), 200, np.random.default_rng(0))
    assert (ranks[:, 1] <= ranks[:, 0]).all()
    assert (ranks[:, 0] <= ranks[:, 2]).all()
    assert ranks[:, 0].sum() == pytest.approx(6)
