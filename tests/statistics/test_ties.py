"""Which methods the best of a column is not set apart from: exact small tables, then the paired t-test of scipy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from maskbank.statistics.ties import near_best, ties

NAN = np.nan


def test_pairs_decide_not_overlap():
    """The same spread of 10 points in both: where it is shared, half a point sets them apart."""
    shared = [[0.70, 0.80, 0.60, 0.75], [0.695, 0.795, 0.595, 0.744]]
    alone = [[0.70, 0.80, 0.60, 0.75], [0.795, 0.695, 0.744, 0.595]]
    assert near_best(shared).tolist() == [False, False]
    assert near_best(alone).tolist() == [False, True]


@pytest.mark.parametrize(
    ("scores", "near"),
    [
        ([[0.5, 0.5], [0.5, 0.5]], [False, True]),  # equal
        ([[0.5, 0.7], [0.4, 0.6]], [False, False]),  # the same difference in each unit
        ([[0.5], [0.4]], [False, False]),  # one unit has no interval
        ([[0.9, 0.9, NAN], [0.8, 0.95, 0.8]], [False, False]),  # the best is incomplete
        ([[0.9, 0.8, 0.9], [0.8, NAN, 0.9], [0.8, 0.9, 0.88]], [False, False, True]),  # the second is
        ([[NAN, NAN], [NAN, NAN]], [False, False]),
        (np.empty((0, 4)), []),
        (np.empty((2, 0)), [False, False]),
    ],
)
def test_exact_tables(scores, near):
    assert near_best(scores).tolist() == near


@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(2, 6))
def test_near_is_where_the_paired_t_test_does_not_reject_at_5_percent(seed, units, methods):
    generator = np.random.default_rng(seed)
    scores = (
        generator.normal(0, 1, (methods, 1))
        + generator.normal(0, 1, units)
        + generator.normal(0, 0.7, (methods, units))
    )
    best = int(np.argmax(scores.mean(axis=1)))
    expected = [
        row != best and stats.ttest_rel(scores[best], scores[row]).pvalue > 0.05 for row in range(methods)
    ]  # fmt: skip
    assert near_best(scores).tolist() == expected


def long(table: dict[str, list[list[float]]], column: str = "c") -> pd.DataFrame:
    """Rows of methods [splits][tasks]."""
    return pd.DataFrame([
        {"column": column, "method": method, "split": split, "task": task, "accuracy": accuracy}
        for method, splits in table.items() for split, tasks in enumerate(splits) for task, accuracy in enumerate(tasks)
    ])  # fmt: skip


WHOLE = {"a": [[0.9, 0.7], [0.8], [0.7]], "b": [[0.7, 0.8], [0.83], [0.7]], "c": [[0.1, 0.2], [0.2], [0.1]]}
HOW = (["column"], ["method"], ["split", "task"])


def test_tasks_are_averaged_inside_their_split_and_columns_stand_alone():
    rows = pd.concat([long(WHOLE), long({"c": WHOLE["a"], "a": WHOLE["c"]}, "d")])
    assert near_best([[0.8, 0.8, 0.7], [0.75, 0.83, 0.7]]).tolist() == [False, True]
    assert ties(rows, *HOW) == {("c", "b")}


@pytest.mark.parametrize("lost", ["row", "value"])
def test_a_method_that_lacks_a_task_is_not_marked(lost):
    rows = long(WHOLE)
    gone = (rows.method == "b") & (rows.split == 0) & (rows.task == 1)
    rows = rows[~gone] if lost == "row" else rows.assign(accuracy=rows.accuracy.mask(gone))
    assert ties(rows, *HOW) == set()


def test_no_rows_have_no_ties():
    assert ties(long(WHOLE).iloc[:0], *HOW) == set()
