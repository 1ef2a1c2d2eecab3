"""What sparse training costs, and what happened when: exact numbers of two trainings by hand."""

import numpy as np
import pandas as pd
import pytest

from maskbank.statistics.sparse_arms import at_best, rate_choices, sparse_rows
from maskbank.statistics.sparse_costs import cost_means, sparse_costs
from maskbank.statistics.sparse_curves import (
    FINAL,
    course,
    end_densities,
    first_seed,
    first_setup,
    focus,
    near_budget,
    worker_rows,
)
from tests.report.fake_sparse import IMAGES, LAYERS, REST, SHAPES, failed, only, sparse

Tables = dict[str, pd.DataFrame]
TOTAL = REST + sum(LAYERS.values())  # 8800 parameters, 8000 of them prunable


def best_of(tables: Tables) -> pd.DataFrame:
    rows = sparse_rows(tables["records"], tables["metrics"])
    return at_best(rows, rate_choices(rows))


def costs_of(tables: Tables) -> pd.DataFrame:
    return sparse_costs(best_of(tables), tables["records"], tables["metrics"], tables["timings"])


@pytest.fixture(scope="module")
def tables() -> Tables:
    return sparse(("dense", "c_gap", "p_gap", "prune_from_dense", "snip"), seeds=2, budgets=(0.2, 0.1))


def test_shares_by_hand(tables):
    found = cost_means(costs_of(tables)).set_index(["method", "budget_asked"])
    gap, workers, pruned = (found.loc[name, 0.1] for name in ("c_gap", "p_gap", "prune_from_dense"))
    assert gap.sparsity == pytest.approx(1 - (REST + 800) / TOTAL)
    assert gap.macs_share == pytest.approx(0.1)
    assert gap.peak_share == pytest.approx((REST + 6000 + 200) / TOTAL), (
        "the second partition, and a tenth of the first"
    )
    assert workers.peak_share == gap.peak_share, "of one worker"
    assert gap.train_share == pytest.approx((0.2 * (2600 + 6200) * 2 + 0.2 * 800) / 8000)
    assert pruned.train_share == pytest.approx(0.55)
    assert found.loc["snip", 0.1].selection_share == pytest.approx(1e8 / (3e6 * 64 * 100))
    dense = found.loc["dense", 1.0]
    assert dense[["sparsity", "macs_share", "train_share", "peak_share", "sequential_share"]].tolist() == [
        0,
        1,
        1,
        1,
        1,
    ]
    assert gap[["bytes_dense", "bytes_masked", "bytes_packed"]].tolist() == [40000, 41000, 7600]


def test_steps_and_seconds_of_workers(tables):
    found = cost_means(costs_of(tables)).set_index(["method", "budget_asked"])
    parallel = found.loc["p_gap", 0.1]
    assert parallel[["steps", "sequential_steps", "sequential_share", "cpu_seconds"]].tolist() == [
        100,
        60,
        0.6,
        10 + 4 * 2,
    ]
    alone = found.loc["c_gap", 0.1]
    assert alone[["steps", "sequential_steps", "sequential_share", "cpu_seconds"]].tolist() == [100, 100, 1, 10]


def test_seconds_are_of_one_machine_class_or_none(tables):
    timings = tables["timings"]
    other = timings.cell_key.str.startswith("grow") & (np.arange(len(timings)) % 7 == 0)
    moved = tables | {"timings": timings.assign(machine_class=timings.machine_class.mask(other, "8 cores"))}
    assert costs_of(moved).cpu_seconds.isna().all()
    lost = tables | {"timings": timings.assign(cpu_seconds=timings.cpu_seconds.mask(other))}
    assert costs_of(lost).groupby("method").cpu_seconds.apply(lambda own: own.isna().any()).to_dict() == {
        "c_gap": False, "dense": False, "p_gap": True, "prune_from_dense": False, "snip": False
    }  # fmt: skip


def test_without_dense_or_workers_costs_are_not_known(tables):
    frame = tables["records"]
    alone = costs_of(only(tables, frame.method != "dense"))
    assert alone[["train_share", "sequential_share"]].isna().all(axis=None)
    without = costs_of(only(tables, frame.stage != "grow")).set_index("method")
    assert without.loc["p_gap"].sequential_steps.tolist() == [60.0] * 4, "from the metric"
    none = costs_of({name: own.iloc[:0] for name, own in tables.items()})
    assert none.empty
    assert cost_means(none).empty


def test_workers_are_numbered_by_their_variant(tables):
    found = worker_rows(tables["records"])
    assert len(found) == 2 * 2 * 4
    assert sorted(set(zip(found["round"], found.worker, strict=True))) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    other = tables["records"].assign(variant="default")
    assert worker_rows(other).empty


def drawn(tables: Tables, method: str, kind: str) -> pd.DataFrame:
    rows = first_seed(focus(best_of(tables), 0.1))
    found = course(rows[rows.method == method], tables["records"], tables["curves"])
    return found[found.kind == kind]


def spans(rows: pd.DataFrame, *names: str) -> list[tuple[object, ...]]:
    return [
        tuple(row) for row in rows[[*names, "start", "end", "value"]].sort_values([*names, "start"]).to_numpy(object)
    ]


def test_the_timeline_of_c_gap_by_hand(tables):
    density = drawn(tables, "c_gap", "density")
    assert spans(density[density.name == "layer1.conv1"]) == [
        (0, 20, 1.0), (20, 40, 0.1), (40, 60, 1.0), (60, 100, 0.1)
    ]  # fmt: skip
    assert spans(density[density.name == "layer10.fc"]) == [
        (0, 20, 0.1),
        (20, 40, 1.0),
        (40, 60, 0.1),
        (60, 80, 1.0),
        (80, 100, 0.1),
    ]
    assert spans(drawn(tables, "c_gap", "partition")) == [(0, 20, 0), (20, 40, 1), (40, 60, 0), (60, 80, 1)]
    live = [(2000 + 600 + REST) / TOTAL, (200 + 6000 + REST) / TOTAL]
    found = spans(drawn(tables, "c_gap", "live"))
    assert [row[:2] for row in found] == [(0, 20), (20, 40), (40, 60), (60, 80), (80, 100)]
    assert [row[2] for row in found] == pytest.approx([*live, *live, (800 + REST) / TOTAL])
    loss = drawn(tables, "c_gap", "loss")
    assert loss.start.tolist() == loss.end.tolist() == list(range(10, 101, 10))


def test_workers_stand_side_by_side_and_the_fine_tune_after_them(tables):
    density = drawn(tables, "p_gap", "density")
    assert set(density.sequential_steps) == {60}
    first = density[density.name == "layer1.conv1"]
    assert spans(first, "round", "worker") == [
        (FINAL, FINAL, 40, 60, 0.1), (0.0, 0.0, 0, 20, 1.0), (0.0, 1.0, 0, 20, 0.1), (1.0, 0.0, 20, 40, 1.0),
        (1.0, 1.0, 20, 40, 0.1),
    ]  # fmt: skip
    loss = drawn(tables, "p_gap", "loss")
    assert loss.groupby(["round", "worker"]).start.agg(["min", "max"]).to_numpy().tolist() == [
        [42, 60], [2, 20], [2, 20], [22, 40], [22, 40]
    ]  # fmt: skip
    live = drawn(tables, "p_gap", "live")
    assert live.value.max() == pytest.approx((200 + 6000 + REST) / TOTAL)


def test_without_workers_p_gap_is_its_fine_tune_alone(tables):
    without = only(tables, tables["records"].stage != "grow")
    density = drawn(without, "p_gap", "density")
    assert set(density["round"]) == {FINAL}


def test_densities_at_the_end_are_means_over_seeds(tables):
    best = best_of(tables)
    found = end_densities(near_budget(best, 0.1), tables["curves"])
    assert set(found.layer) == set(LAYERS)
    assert set(found.n) == {2}
    assert found.density.tolist() == pytest.approx([0.1] * len(found))
    assert "dense" not in set(found.method)
    curves = tables["curves"]
    keys = best[(best.method == "c_gap") & (best.budget_asked == 0.1) & (best.seed == 0)].cell_key
    last = curves.cell_key.isin(keys) & (curves.metric == "density/layer10.fc") & (curves.step == 80)
    changed = end_densities(near_budget(best, 0.1), curves.assign(value=curves.value + 0.2 * last))
    assert changed.set_index(["method", "layer"]).density["c_gap", "layer10.fc"] == pytest.approx(0.2)


def test_the_focus_is_one_setting_a_model_and_setup():
    given = sparse(
        ("dense", "c_gap", "gmp"), seeds=2, tasks=(IMAGES, SHAPES), setups=("same-macs", "same-steps"), budgets=(0.5, 0.2, 0.05),
        allocations=("erk", "uniform"),
    )  # fmt: skip
    best = best_of(given)
    shown = focus(best, 0.1)
    sparse_models = shown[shown.role != "reference"]
    assert set(sparse_models.allocation) == {"uniform"}
    assert set(sparse_models.budget_asked) == {0.05}, "0.05 and 0.2 are as near: the sparser one"
    assert set(zip(shown.dataset, shown.setup, strict=True)) == {
        (dataset, setup) for dataset in ("fashion_mnist", "synthetic-shapes") for setup in ("same-steps", "same-macs")
    }
    assert set(first_setup(shown).setup) == {"same-steps"}
    assert set(first_setup(shown[shown.setup == "same-macs"]).setup) == {"same-macs"}
    assert set(first_seed(shown).seed) == {0}
    other = shown[(shown.method == "dense") | (shown.seed == 1)]
    assert set(first_seed(other).seed) == {1}, "the first that all have"
    assert focus(best[best.role == "reference"], 0.1).empty


def test_failed_cells_have_no_course():
    given = sparse(("dense", "c_gap"), seeds=1)
    broken = failed(given, given["records"].method == "c_gap")
    rows = first_seed(focus(best_of(broken), 0.1))
    assert set(course(rows, broken["records"], broken["curves"]).method) == {"dense"}
