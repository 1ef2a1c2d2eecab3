"""Sparse trainings beyond images: the same cells with other data, models, losses and metrics."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskbank.cells.engine import Runtime
from maskbank.cells.snapshots import Snapshots
from maskbank.cells.spec import Cell
from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.experiments.sparse_training import begin, job_of
from maskbank.params import validate
from maskbank.registry import WORKLOADS
from maskbank.stages import sparsify
from maskbank.stages.sparsify import SparsifySpec

SMALL: dict[str, dict[str, Any]] = {
    "detection": {"train": 24, "validation": 8, "test": 8, "size": 16, "objects": 2, "width": 8, "blocks": 1},
    "parts": {"train": 24, "validation": 8, "test": 8, "points": 32, "width": 8},
    "translation": {"train": 24, "validation": 8, "test": 8, "dim": 16, "heads": 2, "inner": 16, "layers": 1},
}


def params_of(*grids: dict[str, Any]) -> Params:
    sparse = {"grids": list(grids), "workloads": SMALL, "seeds": [0], "steps": 12, "batch": 8, "validate_phases": True}
    options = {"gmp": {"updates": 2}, "c_gap": {"partitions": 2, "rounds": 1}, "rigl": {"interval": 3}}
    return validate({"sparsify": {**sparse, "options": options}}, "test")


class Nowhere:
    """A state without data: workloads make their own."""

    classes = 10
    data = None

    def recalled(self, question: Any, answer: Callable[[], Any]) -> Any:
        return answer()


def cells_of(*grids: dict[str, Any]) -> list[Cell[SparsifySpec]]:
    return sparsify.trainings(params_of(*grids), Nowhere())[0]  # type: ignore[arg-type]


@pytest.mark.parametrize("workload", WORKLOADS.names())
def test_a_cell_of_each_workload(workload: str) -> None:
    grid = {"methods": ["c_gap", "gmp", "rigl", "dense"], "budgets": [0.25], "workload": workload, "steps": 10}
    for cell in cells_of(grid):
        assert (cell.spec.steps, cell.inputs) == (10, {})
        module = WORKLOADS.module(workload)
        assert (cell.spec.backbone, cell.spec.dataset) == (module.MODEL, module.DATASET)
        result = sparsify.run(cell, Runtime())
        point = result.points[0]
        assert (point.status, point.sheet, point.values.get("accuracy")) == ("ok", None, None)
        metrics = {(name, setting): value for _, name, setting, value in result.metrics}
        assert 0 <= metrics[module.METRIC, "none"] <= 1
        assert 0 <= metrics[f"validation_{module.METRIC}", "none"] <= 1
        assert metrics["test_reads", "none"] == 1
        assert point.values["budget_achieved"] == pytest.approx(1.0 if cell.spec.method == "dense" else 0.25, abs=0.01)
        judged = [value for _, name, value in result.curves if name == f"validation_{module.METRIC}"]
        if cell.spec.method in ("c_gap", "dense"):
            assert bool(judged) == (cell.spec.method == "c_gap"), "where phases open"
        again = sparsify.run(cell, Runtime())
        assert all(np.array_equal(result.tensors[name], again.tensors[name]) for name in result.tensors)
        assert result.metrics == again.metrics


@pytest.mark.parametrize("workload", WORKLOADS.names())
def test_a_killed_one_goes_on_with_the_same_bytes(workload: str, tmp_path: Path) -> None:
    cell = cells_of({"methods": ["gmp"], "budgets": [0.25], "workload": workload})[0]
    job = job_of(cell)
    whole = begin(cell.spec, job, Runtime())
    whole.run(Snapshots())
    cut = begin(cell.spec, job, Runtime())
    steps = iter(range(5))
    advance = cut.advance

    def killed(count: int) -> None:
        if next(steps) == 4:
            raise KeyboardInterrupt
        advance(count)

    cut.advance = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        cut.run(Snapshots(tmp_path, every_s=0))
    resumed = begin(cell.spec, job, Runtime())
    resumed.run(Snapshots(tmp_path, every_s=0))
    one, other = whole.model.state_dict(), resumed.model.state_dict()
    assert all(np.array_equal(one[name].numpy(), other[name].numpy()) for name in one)
    assert whole.curve.rows == resumed.curve.rows


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        (
            {"workload": "speech"},
            r"grids\.0\.workload = 'speech': no such workload; choose from images, detection, parts",
        ),
        ({"workload": "parts", "backbones": ["resnet20"]}, "workload parts has a model of its own; remove it"),
        ({"workload": "parts", "methods": ["snip"]}, "its score is one of classifiers; use workload images"),
        ({"backbones": ["vit"]}, r"grids\.0\.backbones\.0 = 'vit': not among sparsify\.backbones"),
    ],
)
def test_bad_grids_are_one_line(grid: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        params_of({"methods": ["gmp"], **grid})
    assert "\n" not in str(error.value)


def test_bad_options_name_their_key() -> None:
    with pytest.raises(InputError, match=r"sparsify\.workloads\.parts\.points = 'many'"):
        validate({"sparsify": {"workloads": {"parts": {"points": "many"}}}}, "test")
    grid = {"methods": ["gmp"], "workload": "detection"}
    given = validate({"sparsify": {"grids": [grid], "workloads": {"detection": {"size": 13}}}}, "test")
    with pytest.raises(InputError, match=r"sparsify\.workloads\.detection\.size = 13: expected a multiple of"):
        sparsify.plan(given, Nowhere())  # type: ignore[arg-type]
