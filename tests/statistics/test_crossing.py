"""Crossings of accuracy along cost: exact small curves, then properties."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskbank.statistics.crossing import ALWAYS, CHANGES, CHEAPER, DEARER, FROM, NEVER, UNTIL, Axis, Crossing, crossing


def compared(left: list[tuple[float, float]], right: list[tuple[float, float]], resamples: int = 0) -> Crossing:
    """Curves as (cost, accuracy) points; one split."""
    (ours, high), (theirs, low) = (np.array(curve, dtype=float).T for curve in (left, right))
    return crossing(ours, high[None], theirs, low[None], resamples, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("left", "verdict", "cost"),
    [
        ([(1, 0.6), (100, 0.6)], ALWAYS, None),
        ([(1, 0.4), (100, 0.4)], NEVER, None),
        ([(1, 0.5), (100, 0.5)], NEVER, None),  # equal is not above
        ([(1, 0.4), (100, 0.6)], FROM, 10),  # half way in log cost
        ([(1, 0.6), (100, 0.4)], UNTIL, 10),
        ([(1, 0.4), (10, 0.6), (100, 0.4)], CHANGES, 10**1.5),
        ([(1, 0.6), (10, 0.4), (100, 0.6)], CHANGES, 10**1.5),
        ([(200, 0.9), (300, 0.9)], DEARER, None),
        ([(0.1, 0.9), (0.3, 0.9)], CHEAPER, None),
        ([(100, 0.9), (300, 0.9)], ALWAYS, None),  # one common cost
    ],
)
def test_crossings_by_hand(left, verdict, cost):
    found = compared(left, [(1, 0.5), (100, 0.5)])
    assert found.verdict == verdict
    assert found.cost == pytest.approx(cost) if cost else np.isnan(found.cost)


def test_only_costs_measured_of_both_count():
    found = compared([(1, 0.9), (10, 0.4), (1000, 0.4)], [(10, 0.5), (100, 0.5)])
    assert (found.verdict, found.range_low, found.range_high) == (NEVER, 10, 100)


def test_a_cost_of_zero_is_linear_up_to_the_smallest_positive_cost():
    axis = Axis(4.0)
    assert axis.place(np.array([0.0, 2.0, 4.0, 4 * np.e])) == pytest.approx([0, 0.5, 1, 2])
    assert axis.cost(axis.place(np.array([0.0, 3.0, 50.0]))) == pytest.approx([0, 3, 50])
    assert compared([(0, 0.4), (4, 0.6)], [(0, 0.5), (4, 0.5)]).cost == pytest.approx(2)
    assert compared([(0, 0.6)], [(0, 0.5)]).verdict == ALWAYS


def test_the_bootstrap_is_over_splits():
    """Half of the splits pass at 10, half never: intervals reach from 10 to beyond all that was measured."""
    cost = np.array([1.0, 100.0])
    right = np.zeros((8, 2))
    left = np.array([[-0.1, 0.1], [-0.1, -0.05]] * 4)
    found = crossing(cost, left, cost, right, 2000, np.random.default_rng(0))
    assert found.verdict == FROM
    assert 10 < found.cost < found.high
    assert found.high == np.inf
    assert 0.7 < found.agreement < 0.99
    alike = crossing(cost, left[::2], cost, right[::2], 200, np.random.default_rng(0))
    assert (alike.low, alike.cost, alike.high, alike.agreement) == (pytest.approx(10),) * 3 + (1,)


def test_no_resamples_give_no_interval():
    found = compared([(1, 0.4), (100, 0.6)], [(1, 0.5), (100, 0.5)])
    assert np.isnan([found.low, found.high, found.agreement]).all()


CURVE = st.lists(st.integers(0, 100), min_size=2, max_size=5).map(lambda values: [value / 100 for value in values])


@given(CURVE, CURVE)
@settings(max_examples=60, deadline=None)
def test_at_a_crossing_the_curves_are_equal_and_turning_sides_swaps_the_verdict(left, right):
    ours, theirs = (10.0 ** np.arange(len(curve)) for curve in (left, right))
    found = crossing(ours, np.array([left]), theirs, np.array([right]), 0, np.random.default_rng(0))
    turned = crossing(theirs, np.array([right]), ours, np.array([left]), 0, np.random.default_rng(0))
    if np.isfinite(found.cost):
        one, other = (
            np.interp(np.log(found.cost), np.log(cost), curve) for cost, curve in ((ours, left), (theirs, right))
        )
        assert one == pytest.approx(other, abs=1e-9)
    if found.verdict == ALWAYS:
        assert turned.verdict == NEVER
    if found.verdict == FROM:
        assert turned.verdict in (UNTIL, NEVER, CHANGES)  # where they are equal, neither is above
