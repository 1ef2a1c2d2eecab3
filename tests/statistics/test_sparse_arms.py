"""Arms of sparse training: one score a cell, and the learning-rate schedule that validation chooses."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from maskbank.records.schema import columns
from maskbank.statistics.sparse_arms import (
    CHOSEN,
    NOT_CHOSEN,
    UNEQUAL,
    at_best,
    dense_beside,
    rate_choices,
    sparse_rows,
)
from tests.report import fake
from tests.report.fake_sparse import IMAGES, SHAPES, failed, sparse


def cell(method: str, rate: str, seed: int, judged: float | None, score: float = 0.5, **others: Any) -> dict[str, Any]:
    role = {"c_gap": "method", "dense": "reference"}.get(method, "rival")
    return {
        "stage": "sparsify", "method": method, "role": role, "pattern": "unstructured", "allocation": "uniform",
        "schedule": rate, "budget_kind": "weights", "budget_asked": 0.1, "seed": seed, "accuracy": score, "judged": judged,
    } | others  # fmt: skip


def rows_of(cells: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of `sparse_rows` of image cells, with their validation accuracy (None: it failed)."""
    frame = fake.frame_of([{key: value for key, value in each.items() if key != "judged"} for each in cells])
    judged = [each["judged"] for each in cells]
    metrics = pd.DataFrame({
        "cell_key": frame.cell_key, "steps": frame.steps, "metric": "validation_accuracy", "setting": "none", "value": judged
    }, columns=columns("metrics")).dropna()  # fmt: skip
    return sparse_rows(frame, metrics)


def chosen(rows: pd.DataFrame) -> dict[tuple[str, float], str]:
    found = rate_choices(rows)
    best = found[found.choice != NOT_CHOSEN]
    return dict(zip(zip(best.method, best.budget_asked, strict=True), best.schedule, strict=True))


def test_the_score_is_accuracy_for_images_and_the_named_metric_elsewhere():
    tables = sparse(("dense", "c_gap"), seeds=2, tasks=(IMAGES, SHAPES))
    rows = sparse_rows(tables["records"], tables["metrics"])
    assert rows.groupby("dataset").metric.unique().map(list).to_dict() == {
        "fashion_mnist": ["accuracy"], "synthetic-shapes": ["map"]
    }  # fmt: skip
    values = tables["metrics"].set_index(["cell_key", "metric", "setting"]).value
    for row in rows.to_dict("records"):
        judged = values[row["cell_key"], f"validation_{row['metric']}", "none"]
        tested = row["accuracy"] if row["metric"] == "accuracy" else values[row["cell_key"], "map", "none"]
        assert (row["score"], row["validation_score"]) == (tested, judged)
    assert rows[rows.metric == "map"].accuracy.isna().all()


def test_workers_are_no_arms_and_failed_cells_stay_without_a_score():
    tables = sparse(("dense", "p_gap"), seeds=2, tasks=(SHAPES,))
    assert (tables["records"].stage == "grow").any()
    broken = failed(tables, (tables["records"].stage == "sparsify") & (tables["records"].seed == 0))
    rows = sparse_rows(broken["records"], broken["metrics"])
    assert set(rows.method) == {"dense", "p_gap"}
    assert len(rows) == 6
    assert rows[rows.seed == 0].score.isna().all()
    assert set(rows.metric) == {"map"}, "the metric is that of the task, also of cells that have none"


def test_the_best_mean_on_validation_is_chosen():
    rows = rows_of([
        cell("gmp", "cosine", 0, 0.70), cell("gmp", "cosine", 1, 0.60), cell("gmp", "restart", 0, 0.66),
        cell("gmp", "restart", 1, 0.66),
    ])  # fmt: skip
    table = rate_choices(rows).set_index("schedule")
    assert table.choice.to_dict() == {"restart": CHOSEN, "cosine": NOT_CHOSEN}
    assert table.validation_score.to_dict() == pytest.approx({"restart": 0.66, "cosine": 0.65})
    assert at_best(rows, rate_choices(rows)).schedule.tolist() == ["restart", "restart"]


@pytest.mark.parametrize("score", [0.5, 0.9])
def test_ties_are_settled_by_the_order_of_rates(score):
    rates = ("constant", "cosine", "restart")
    rows = rows_of([cell("gmp", rate, seed, score) for rate in rates for seed in (0, 1)])
    assert chosen(rows) == {("gmp", 0.1): "restart"}
    assert chosen(rows[rows.schedule != "restart"]) == {("gmp", 0.1): "cosine"}


def test_the_choice_never_looks_at_the_test_set():
    tables = sparse(seeds=3, rates=("restart", "cosine", "constant"), noise=0.01)
    generator = np.random.default_rng(1)
    rows = sparse_rows(tables["records"], tables["metrics"])
    before = chosen(rows)
    assert len(set(before.values())) > 1
    for _ in range(5):
        mixed = rows.assign(score=generator.permutation(rows.score), accuracy=generator.permutation(rows.accuracy))
        assert chosen(mixed) == before
    turned = rows.assign(validation_score=-rows.validation_score)
    assert chosen(turned) != before


def test_a_rate_with_failed_seeds_is_not_chosen_for_what_is_left_of_it():
    rows = rows_of([
        cell("gmp", "cosine", 0, 0.9), cell("gmp", "cosine", 1, None), cell("gmp", "restart", 0, 0.5),
        cell("gmp", "restart", 1, 0.4),
    ])  # fmt: skip
    assert chosen(rows) == {("gmp", 0.1): "restart"}
    every = rows_of([
        cell("gmp", "cosine", 0, 0.9), cell("gmp", "cosine", 1, None), cell("gmp", "restart", 0, 0.5),
        cell("gmp", "restart", 1, None),
    ])  # fmt: skip
    assert chosen(every) == {("gmp", 0.1): "cosine"}
    nothing = rows_of([cell("gmp", rate, 0, None) for rate in ("constant", "cosine")])
    assert chosen(nothing) == {("gmp", 0.1): "cosine"}


def test_rates_are_compared_on_the_seeds_that_all_have():
    """Constant 0.6 and 0.6 against cosine 0.7 and 0.4 on seeds 1 and 2, which alone are shared."""
    rows = rows_of([
        cell("gmp", "constant", 0, 0.1), cell("gmp", "constant", 1, 0.6), cell("gmp", "constant", 2, 0.6),
        cell("gmp", "cosine", 1, 0.7), cell("gmp", "cosine", 2, 0.4), cell("gmp", "cosine", 3, 0.9),
    ])  # fmt: skip
    assert chosen(rows) == {("gmp", 0.1): "constant"}


def test_arms_that_lack_a_trial_are_named():
    rows = rows_of([
        cell("c_gap", "cosine", 0, 0.5), cell("c_gap", "restart", 0, 0.6), cell("gmp", "cosine", 0, 0.7),
        cell("gmp", "cosine", 0, 0.7, budget_asked=0.2), cell("dense", "constant", 0, 0.8, budget_asked=1.0),
        cell("c_gap", "constant", 0, 0.9, variant="kappa 6"),
    ])  # fmt: skip
    table = rate_choices(rows)
    found = {
        (row.method, row.variant, row.budget_asked, row.schedule): (row.choice, row.lacks) for row in table.itertuples()
    }
    assert found == {
        ("c_gap", "default", 0.1, "cosine"): (NOT_CHOSEN, ""), ("c_gap", "default", 0.1, "restart"): (CHOSEN, ""),
        ("gmp", "default", 0.1, "cosine"): (UNEQUAL, "restart"), ("gmp", "default", 0.2, "cosine"): (CHOSEN, ""),
        ("dense", "default", 1.0, "constant"): (CHOSEN, ""),
        ("c_gap", "kappa 6", 0.1, "constant"): (UNEQUAL, "restart, cosine"),
    }  # fmt: skip
    tried = (
        rows.drop_duplicates(["method", "variant", "budget_asked"])
        .set_index(["method", "variant", "budget_asked"])
        .tried
    )
    assert tried["c_gap", "default", 0.1] == "restart cosine"
    assert tried["gmp", "default", 0.2] == "cosine"


def test_dense_at_equal_macs_is_dense_at_equal_steps():
    cells = [
        cell("dense", "cosine", 0, 0.5, score=0.8, pattern="none", allocation="none", budget_asked=1.0),
        cell("dense", "cosine", 0, 0.5, score=0.7, pattern="none", allocation="none", budget_asked=1.0, setup="same-macs"),
    ]  # fmt: skip
    scores = {
        (count, setup): dense_beside(rows_of(cells[:count]), "fashion_mnist", "resnet20", setup).score.tolist()
        for count in (1, 2)
        for setup in ("same-steps", "same-macs", "paper-schedule")
    }
    assert scores == {
        (1, "same-steps"): [0.8], (1, "same-macs"): [0.8], (1, "paper-schedule"): [],
        (2, "same-steps"): [0.8], (2, "same-macs"): [0.7], (2, "paper-schedule"): [],
    }  # fmt: skip


def test_nothing_gives_nothing():
    rows = rows_of([])
    assert rows.empty
    assert rate_choices(rows).empty
    assert at_best(rows, rate_choices(rows)).empty
