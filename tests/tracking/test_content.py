import pytest

from maskbank.errors import InputError
from maskbank.tracking.content import cell_content, metric_name, read_contents, run_name, text

from .builder import cell, five_cells, metric_rows, record_rows, write_cells


def test_text_of_labels():
    assert [text(value) for value in (0.1, 3.0, 1e6, float("nan"), 7, "resnet20", "")] == [
        "0.1", "3", "1000000", "none", "7", "resnet20", "none",
    ]  # fmt: skip


def test_metric_names_are_legal():
    assert metric_name("accuracy") == "accuracy"
    assert metric_name("fgsm", "eps=0.1@all") == "fgsm/eps_0.1_all"


def test_run_names():
    assert run_name(cell("k", seed=0)) == "smsp 10% uniform s0/t0 resnet20"
    assert run_name(cell("k", task="t1", split="s3")) == "smsp 10% uniform s3/t1 resnet20"
    bits = cell("k", method="quantize", budget_kind="bits", budget_asked=4.0, task="none", allocation="none", seed=2)
    assert run_name(bits) == "quantize 4 bits resnet20 adam seed 2"


def test_points_have_the_steps_of_the_records(folder):
    write_cells(folder, five_cells())
    points = {(point.name, point.step): point.value for point in read_contents(folder)["k1"].points}
    assert [points["accuracy", step] for step in (0, 10, 30)] == [0.5, 0.6, 0.8]
    assert points["calibration/bins_15", 30] == 0.05
    assert points["curve/loss", 4] == 0.25
    assert points["wall_seconds", 30] == 2.0
    assert ("latency_ms", 30) not in points


def test_the_worst_status_is_the_cells():
    first, *rest = record_rows(cell("k"))
    content = cell_content([first, {**rest[0], "status": "timeout", "reason": "over 60 s"}, rest[1]], [], [], {})
    assert (content.status, content.tags["status"], content.tags["reason"]) == ("FAILED", "timeout", "over 60 s")
    collapsed = cell_content(record_rows(cell("k", status="collapsed", reason="chance")), [], [], {})
    assert (collapsed.status, collapsed.tags["status"]) == ("FINISHED", "collapsed")


def test_two_measures_of_one_name_are_refused():
    measures = metric_rows(cell("k"))
    clash = [{**measures[0], "setting": setting} for setting in ("eps=1", "eps@1")]
    with pytest.raises(InputError, match=r"calibration/eps_1 at step 30"):
        cell_content(record_rows(cell("k")), clash, [], {})
