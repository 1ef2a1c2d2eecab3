"""Tie groups: exact small boards, then every graph against networkx; pairs against scipy; the pairwise matrix."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from maskbank.errors import InputError
from maskbank.statistics.crossed import Crossed
from maskbank.statistics.groups import cliques, letter, letters, tie_groups
from maskbank.statistics.holm import holm
from maskbank.statistics.matrix import COLUMNS, pairwise_matrix
from maskbank.statistics.paired import paired_p
from maskbank.statistics.pairwise import pair_tests
from maskbank.statistics.power import shift_needed

PAIRS = list(combinations(range(7), 2))
NOISE = np.random.default_rng(0).normal(0, 0.01, (4, 9))


def board(means: list[float], splits: int = 9) -> np.ndarray:
    noise = NOISE[: len(means), :splits]
    return np.array(means)[:, None] + noise - noise.mean(axis=1, keepdims=True)


def test_no_difference_is_one_group_and_all_differences_are_one_group_each():
    assert cliques(4, []) == [(0, 1, 2, 3)]
    assert cliques(3, [(0, 1), (0, 2), (1, 2)]) == [(0,), (1,), (2,)]
    assert cliques(0, []) == []
    assert cliques(1, []) == [(0,)]


def test_a_method_between_two_others_has_both_letters():
    assert letters(4, [(0, 2), (0, 3), (1, 3)]) == [("a",), ("a", "b"), ("b", "c"), ("c",)]


def test_a_set_inside_another_is_absorbed():
    assert cliques(3, [(0, 1), (0, 2)]) == [(0,), (1, 2)]


@given(st.sets(st.sampled_from(PAIRS)))
@settings(max_examples=200, deadline=None)
def test_groups_are_the_maximal_cliques_of_what_is_not_told_apart(apart):
    tied = nx.Graph()
    tied.add_nodes_from(range(7))
    tied.add_edges_from(set(PAIRS) - apart)
    assert cliques(7, apart) == sorted(tuple(sorted(clique)) for clique in nx.find_cliques(tied))
    found = letters(7, apart)
    for one, other in PAIRS:
        assert bool(set(found[one]) & set(found[other])) == ((one, other) not in apart)


def test_letters_go_on_after_z():
    names = [letter(index) for index in range(703)]
    assert len(set(names)) == 703
    assert (names[26], names[701], names[702]) == ("aa", "zz", "aaa")


def test_paired_p_agrees_with_scipy():
    values = np.random.default_rng(1).normal(0.3, 1, (5, 8))
    assert paired_p(values) == pytest.approx(stats.ttest_1samp(values, 0, axis=1).pvalue)


def test_without_spread_the_signs_alone_speak():
    assert paired_p(np.zeros(8)) == 1
    assert paired_p(np.full(8, 0.1)) == 2**-7
    assert paired_p(0.3 - np.full(8, 0.1 + 0.2)) == 1


def test_below_six_splits_there_is_no_p_and_no_letter():
    assert np.isnan(paired_p(np.ones((3, 5)))).all()
    assert tie_groups(["x", "y"], board([0.9, 0.1], 5)) == {"x": (), "y": ()}


def test_holm_corrects_over_all_pairs_of_the_board():
    tests = pair_tests(("x", "y", "z"), board([0.62, 0.6, 0.59]))
    assert len(tests.p) == 3
    assert tests.p_holm == pytest.approx(holm(tests.p))
    assert holm([0.03, 0.04]) == pytest.approx([0.06, 0.06])


def test_groups_of_a_board():
    found = tie_groups(["low", "high", "mid"], board([0.2, 0.8, 0.795]))
    assert found == {"high": ("a",), "mid": ("a",), "low": ("b",)}
    assert list(found) == ["high", "mid", "low"]


def test_equal_columns_tie():
    scores = np.tile(board([0.5])[0], (3, 1))
    assert set(tie_groups(["x", "y", "z"], scores).values()) == {("a",)}


def test_one_method_is_a_group():
    assert tie_groups(["x"], board([0.5])) == {"x": ("a",)}
    assert tie_groups([], np.empty((0, 8))) == {}


def test_gaps_are_refused():
    with pytest.raises(InputError, match="without gaps"):
        tie_groups(["x", "y"], [[0.1, np.nan], [0.2, 0.3]])


def test_the_floor_is_the_detectable_effect_at_the_hardest_step():
    tests = pair_tests(("x", "y", "z"), board([0.6, 0.6, 0.6]))
    expected = shift_needed(9, 0.05 / 3, 0.8) * np.sqrt(np.mean(tests.sd**2)) / 3
    assert tests.floor(0.05) == pytest.approx(expected)
    assert np.isnan(pair_tests(("x", "y"), board([0.6, 0.5], 4)).floor(0.05))
    assert np.isnan(pair_tests(("x",), board([0.6])).floor(0.05))


def crossed_of(clusters: np.ndarray) -> Crossed:
    names = tuple(f"s{split}" for split in range(clusters.shape[1]))
    return Crossed(tuple("xyz"[: len(clusters)]), clusters[:, :, None], names, names)


def test_the_matrix_has_every_ordered_pair_with_its_sign():
    clusters = board([0.62, 0.6, 0.59])
    clusters[1, 0] = clusters[0, 0]
    frame = pairwise_matrix(crossed_of(clusters))
    assert list(frame.columns) == COLUMNS
    square = frame.pivot(index="left", columns="right")
    assert square.difference.loc["x", "y"] == pytest.approx(100 * (clusters[0] - clusters[1]).mean())
    assert square.difference.loc["y", "x"] == -square.difference.loc["x", "y"]
    assert (square.wins.loc["x", "y"], square.ties.loc["x", "y"]) == (square.losses.loc["y", "x"], 1)
    assert (frame.wins + frame.ties + frame.losses == 9).all()
    tests = pair_tests(("x", "y", "z"), clusters)
    assert square.p_holm.loc["z", "x"] == tests.p_holm[1]


def test_the_matrix_of_few_splits_has_no_p():
    frame = pairwise_matrix(crossed_of(board([0.62, 0.6], 2)))
    assert frame.p_holm.isna().all()
    assert frame.difference.notna().all()
    assert pairwise_matrix(crossed_of(board([0.6]))).empty
