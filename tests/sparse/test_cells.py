"""Cells of the stage: what params ask for, how long each trains, and what a finished one leaves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from maskbank.cells.engine import Runtime
from maskbank.cells.spec import Cell, Input
from maskbank.config import Params
from maskbank.data.dataset import DataSet
from maskbank.errors import InputError
from maskbank.experiments import sparse_training
from maskbank.params import validate
from maskbank.stages import sparsify
from maskbank.stages.sparsify import SparsifySpec

MODEL = {"width": 4, "dense": 32, "dense_depth": 3, "norm": True}


class Prepared:
    """A state of four classes whose data are prepared, or not yet."""

    classes = 4

    def __init__(self, folder: Path | None) -> None:
        self.data = Input("" if folder is None else str(folder), "hash")
        self.image = None if folder is None else (1, 8)

    def recalled(self, question: Any, answer: Callable[[], Any]) -> Any:
        return answer()


@pytest.fixture
def state(tmp_path: Path) -> Prepared:
    (tmp_path / "data.json").write_text(json.dumps({"names": list("abcd"), "image": [1, 8]}))
    return Prepared(tmp_path)


def params_of(*grids: dict[str, Any], **more: Any) -> Params:
    return validate(
        {
            "models": {"cnn": MODEL},
            "pretrain": {"backbones": ["cnn"], "recipes": {"cnn": ["adam"]}},
            "transfer": {"backbones": ["cnn"]},
            "sparsify": {
                "backbones": ["cnn"], "grids": list(grids), "seeds": [0], "steps": 20, "batch": 8,
                "options": {"gmp": {"updates": 4}, "c_gap": {"partitions": 2, "rounds": 1}}, **more,
            },
        },
        "test",
    )  # fmt: skip


def specs_of(state: Any, *grids: dict[str, Any], **more: Any) -> list[SparsifySpec]:
    return [cell.spec for cell in sparsify.plan(params_of(*grids, **more), state)]


def test_a_grid_is_a_product_and_references_stand_once(state: Prepared) -> None:
    grid = {"methods": ["gmp", "dense"], "allocations": ["uniform", "erk"], "rates": ["constant", "cosine"]}
    specs = specs_of(state, grid, {"methods": ["static", "dense"], "budgets": [0.5]})
    assert len([spec for spec in specs if spec.method == "gmp"]) == 2 * 2 * 2
    assert [(spec.schedule, spec.budget_asked, spec.allocation) for spec in specs if spec.method == "dense"] == [
        ("constant", 1.0, "none"),
        ("cosine", 1.0, "none"),
    ]
    assert {spec.setup for spec in specs} == {"same-steps"}


def test_setups(state: Prepared) -> None:
    setups = ["same-steps", "same-macs", "paper-schedule"]
    specs = specs_of(state, {"methods": ["c_gap", "dense"], "budgets": [0.25], "setups": setups}, steps=200)
    sparse = {spec.setup: spec for spec in specs if spec.method == "c_gap"}
    assert sparse["same-steps"].steps == sparse["paper-schedule"].steps == 200
    assert sparse["same-macs"].steps > 220
    assert sparse["paper-schedule"].options == {"partitions": 4, "rounds": 7}
    assert sparse["paper-schedule"].tune_fraction == pytest.approx(150 / 990)
    assert {spec.steps for spec in specs if spec.method == "dense"} == {200}
    unprepared = specs_of(Prepared(None), {"methods": ["c_gap"], "setups": ["same-macs"]})
    assert {spec.steps for spec in unprepared} == {20}, "not known yet"


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        (
            {"methods": ["gmpp"]},
            r"sparsify\.grids\.0\.methods\.0 = 'gmpp': no such sparse-training method; choose from ac_dc",
        ),
        (
            {"methods": ["gmp"], "pattern": "2:4", "budgets": [0.5]},
            r"methods\.0 = 'gmp': cannot end in pattern 2:4, only in",
        ),
        ({"methods": ["c_gap"], "pattern": "2:4"}, r"grids\.0\.pattern = 2:4: n:m takes .* budgets \[0\.5\]"),
        ({"methods": ["c_gap"], "pattern": "rows"}, r"sparsify\.grids\.0\.pattern = 'rows': String should match"),
        ({"methods": ["gmp"], "setups": ["same-macs"], "allocations": ["global"]}, "known only afterwards"),
        (
            {"methods": ["gmp"], "pattern": "channel", "allocations": ["erk"]},
            "channels are not of one size.*use uniform",
        ),
        ({"methods": ["gmp"], "rates": ["linear"]}, r"sparsify\.grids\.0\.rates\.0 = 'linear'"),
    ],
)
def test_bad_grids_are_one_line(grid: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        params_of(grid)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("grid", "more", "said"),
    [
        ({"methods": ["c_gap"]}, {"options": {"c_gap": {"partitions": 9}}}, "the model has 4 layers to part"),
        ({"methods": ["static"], "budgets": [0.02], "pattern": "channel"}, {}, "out of reach|empties"),
        ({"methods": ["static"], "budgets": [0.5], "pattern": "3:6"}, {}, "pattern 3:6, m = 6: .* has 4 inputs"),
        ({"methods": ["gmp"]}, {"steps": 6}, "are left for 4 updates"),
    ],
)
def test_schedules_that_do_not_fit_are_told_before_anything_runs(
    grid: dict[str, Any], more: dict[str, Any], said: str, state: Prepared
) -> None:
    params = params_of(grid, **more)
    with pytest.raises(InputError, match=said):
        sparsify.plan(params, state)  # type: ignore[arg-type]


def test_a_cell_at_equal_macs(state: Prepared, data: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse_training, "cell_data", lambda cell: data)
    grid = {"methods": ["gmp", "dense"], "budgets": [0.25], "setups": ["same-macs"]}
    cells = sparsify.plan(params_of(grid, validate_phases=True), state)  # type: ignore[arg-type]
    results = {cell.spec.method: (cell, sparsify.run(cell, Runtime())) for cell in cells}
    spent = {name: result.points[0].values["train_macs"] for name, (_, result) in results.items()}
    assert 0.9 * spent["dense"] < spent["gmp"] <= spent["dense"]
    cell, result = results["gmp"]
    assert result.points[0].steps == cell.spec.steps > 20
    metrics = {(metric, setting): value for _, metric, setting, value in result.metrics}
    assert metrics["test_reads", "none"] == 1
    assert metrics["checkpoint_bytes", "packed"] < metrics["checkpoint_bytes", "dense"]
    assert metrics["params_peak", "none"] == result.points[0].values["params_dense"]
    curve = {metric for _, metric, _ in result.curves}
    assert {"train_loss", "live_weights", "validation_accuracy", "density/features.conv2"} <= curve
    lives = [value for _, metric, value in result.curves if metric == "live_weights"]
    assert lives == sorted(lives, reverse=True)
    assert any(name.endswith(":live") for name in result.tensors)


def test_judging_a_model_in_mid_schedule_changes_nothing(data: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse_training, "cell_data", lambda cell: data)
    models = []
    for judged in (False, True):
        spec = SparsifySpec(
            backbone="cnn", model=MODEL, method="prune_from_dense", budget_asked=0.25, allocation="uniform",
            pattern="unstructured", schedule="constant", classes=(0, 1, 2, 3), steps=8, tune_fraction=0.25, batch=8, lr=0.01,
            crop=1, flip=False, validate_phases=judged,
        )  # fmt: skip
        models.append(sparsify.run(Cell(spec, {}), Runtime()).tensors)
    assert all(torch.equal(torch.from_numpy(models[0][name]), torch.from_numpy(models[1][name])) for name in models[0])
