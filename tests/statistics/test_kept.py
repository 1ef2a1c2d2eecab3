"""What structured pruning keeps, by hand."""

import numpy as np
import pandas as pd
import pytest

from maskbank.records.schema import NONE
from maskbank.statistics.kept import AT_ZERO, NO_CONTROL, attack_order, kept_rows, structured_rows
from tests.report import fake
from tests.report.fake import pruned


def kept_of(rows: list[dict], shares: dict[str, float] | None = None) -> pd.DataFrame:
    """What is left of methods, by (method, seed, attack)."""
    frame = fake.frame_of(rows)
    found = kept_rows(frame, fake.attacks(frame, {} if shares is None else shares))
    return found[found.role != "reference"].set_index(["method", "unit", "attack"]).sort_index()


def test_each_cell_is_divided_by_the_control_of_its_own_seed():
    rows = [
        pruned("dense", 1, 0, 0.8),
        pruned("dense", 1, 1, 0.5),
        pruned("l1", 0.5, 0, 0.6),
        pruned("l1", 0.5, 1, 0.25),
    ]
    found = kept_of(rows)
    assert found.kept.to_dict() == pytest.approx({("l1", 0, NONE): 0.75, ("l1", 1, NONE): 0.5})
    assert found.dense.tolist() == [0.8, 0.5]


def test_the_control_is_that_of_the_same_backbone_and_recipe():
    rows = [
        pruned("dense", 1, 0, 0.8), pruned("dense", 1, 0, 0.4, recipe="snt"), pruned("dense", 1, 0, 0.1, backbone="vit"),
        pruned("l1", 0.5, 0, 0.2, recipe="snt"),
    ]  # fmt: skip
    assert kept_of(rows).kept.item() == pytest.approx(0.5)


def test_under_attack_both_sides_are_attacked():
    frame = fake.frame_of([pruned("dense", 1, 0, 0.8), pruned("l1", 0.5, 0, 0.6)])
    metrics = fake.attacks(frame, {"pgd eps 0.1": 0.5})
    metrics.loc[metrics.cell_key == "cell00001", "value"] = 0.1
    found = kept_rows(frame, metrics).set_index(["method", "attack"])
    assert found.loc[("l1", "pgd eps 0.1"), ["value", "dense", "kept"]].tolist() == pytest.approx([0.1, 0.4, 0.25])
    assert found.loc[("l1", NONE), "kept"] == pytest.approx(0.75)


def test_other_metrics_and_other_cells_do_not_count():
    masked = pruned("l1", 0.5, 0, 0.7, pattern="unstructured", budget_kind="weights")
    frame = fake.frame_of([pruned("dense", 1, 0, 0.8), pruned("l1", 0.5, 0, 0.6), masked])
    metrics = fake.attacks(frame, {"15 bins": 0.5}).assign(metric="ece")
    assert kept_rows(frame, metrics).method.tolist() == ["dense", "l1"]


def test_without_a_control_there_is_no_share_but_a_value():
    found = kept_of([pruned("dense", 1, 0, 0.8), pruned("l1", 0.5, 0, 0.4), pruned("l1", 0.5, 1, 0.4)])
    assert found.value.tolist() == [0.4, 0.4]
    assert found.kept.tolist() == pytest.approx([0.5, np.nan], nan_ok=True)
    assert found.lacks.tolist() == ["", NO_CONTROL]


def test_a_reference_that_lost_units_is_no_control():
    assert kept_of([pruned("dense", 0.9, 0, 0.8), pruned("l1", 0.5, 0, 0.4)]).lacks.tolist() == [NO_CONTROL]


def test_a_control_that_is_right_on_nothing_gives_no_share():
    frame = kept_of([pruned("dense", 1, 0, 0.8), pruned("l1", 0.5, 0, 0.4)], {"pgd eps 0.3": 0.0})
    assert frame.loc["l1", 0, "pgd eps 0.3"][["value", "dense"]].tolist() == [0, 0]
    assert np.isnan(frame.loc["l1", 0, "pgd eps 0.3"].kept)
    assert frame.loc["l1", 0, "pgd eps 0.3"].lacks == AT_ZERO


def test_the_control_as_it_was_trained_goes_before_the_re_estimated_one():
    rows = [pruned("dense", 1, 0, 0.5, bn="reestimated"), pruned("dense", 1, 0, 0.8), pruned("l1", 0.5, 0, 0.4)]
    assert kept_of(rows).kept.tolist() == [0.5]
    assert kept_of([rows[0], rows[2]]).kept.tolist() == [0.8]


def test_a_failed_cell_is_missing_under_each_attack_of_its_setting():
    rows = [
        pruned("dense", 1, 0, 0.8, reconstruct="merge"),
        *(pruned("l1", 0.5, 0, 0.4, allocation=name) for name in "ab"),
    ]
    lost = {"accuracy": np.nan, "status": "failed"}
    rows += [pruned("l2", 0.5, 0, 0.4, allocation="a") | lost, pruned("l2", 0.5, 0, 0.4, allocation="c") | lost]
    found = kept_of(rows, {"pgd eps 0.1": 0.5})
    assert found.loc["l2"].set_index("allocation", append=True).lacks.to_dict() == {
        (0, NONE, "a"): "cell failed", (0, NONE, "c"): "cell failed", (0, "pgd eps 0.1", "a"): "cell failed",
    }  # fmt: skip
    assert found.loc["l2"].value.isna().all()


def test_removed_is_what_is_not_left():
    rows = structured_rows(fake.frame_of([pruned("l1", 0.75, 3, 0.5, budget_achieved=0.7)]))
    assert rows.removed.item() == pytest.approx(0.3)
    assert rows.unit.item() == 3


def test_attacks_are_ordered_by_name_and_eps():
    names = ["pgd eps 0.03", "pgd eps 0.1", "fgsm eps 0.1", NONE, "pgd eps 0.004"]
    assert sorted(names, key=attack_order) == [NONE, "fgsm eps 0.1", "pgd eps 0.004", "pgd eps 0.03", "pgd eps 0.1"]


def test_nothing_structured_is_an_empty_table_with_its_columns():
    frame = fake.frame_of([])
    found = kept_rows(frame, fake.attacks(frame))
    assert found.empty
    assert {"unit", "attack", "value", "dense", "kept", "lacks"} <= set(found.columns)
