"""The stage sharpness: which models it measures, on which images, and the rows that a cell leaves."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from maskbank.cells.engine import Runtime
from maskbank.cells.spec import Cell, Input
from maskbank.config import Params
from maskbank.data.dataset import DataSet
from maskbank.data.prepare import prepare
from maskbank.data.prepared import prepared_hash
from maskbank.errors import Diverged, InputError
from maskbank.experiments import dense
from maskbank.experiments.folders import run_stage
from maskbank.experiments.planned import PlannedState, planned_cells
from maskbank.experiments.state import State
from maskbank.experiments.work import Facts, Work
from maskbank.files import hash_file, write_bytes, write_json
from maskbank.models.checkpoint import Architecture, load_model, model_tensors
from maskbank.params import validate
from maskbank.records.load import read_table
from maskbank.stages import sharpness
from maskbank.stages.sharpness import SharpnessSpec

SMALL: dict[str, Any] = {
    "images": 24,
    "group": 8,
    "eigen_steps": 3,
    "trace_samples": 2,
    "rho": [0.1],
    "ascent_steps": 2,
}
ALL = tuple(range(10))


def params(pretrain: dict[str, Any] | None = None, **given: Any) -> Params:
    sections = {
        "engine": {"kind": "serial"},
        "data": {"source": "digits", "validation_per_class": 20, "test_per_class": 20},
        "models": {"resnet20": {"width": 4, "stem_stride": 2}},
        "tasks": {"splits": 2, "unseen_splits": 1, "per_split": 1, "bank_per_split": 2, "given_targets": []},
        "pretrain": {"seeds": [3, 5], **(pretrain or {})},
        "transfer": {"pretrain_seeds": [3]},
        "sharpness": {**SMALL, "backbones": ["resnet20"], **given},
    }
    return validate(sections, "test")


def cells(given: Params) -> list[Cell[SharpnessSpec]]:
    return sharpness.plan(given, PlannedState(given))


def test_a_cell_for_each_model_of_all_classes() -> None:
    found = cells(params())
    assert [(cell.spec.recipe, cell.spec.seed, cell.spec.stop) for cell in found] == [
        ("adam", 3, "steps"), ("adam", 5, "steps"), ("snt", 3, "steps"), ("snt", 5, "steps"),
    ]  # fmt: skip
    spec = found[0].spec
    assert (spec.stage, spec.method, spec.role, spec.backbone) == ("sharpness", "dense", "reference", "resnet20")
    assert (spec.split, spec.budget_kind, spec.budget_asked, spec.pretrain_seed) == ("none", "none", None, 3)
    assert (spec.classes, spec.points()) == (ALL, (0,))
    assert set(found[0].inputs) == {"data", "dense"}


def test_backbones_recipes_and_stops_are_chosen() -> None:
    assert cells(params(backbones=[])) == []
    assert {cell.spec.recipe for cell in cells(params(recipes=["snt"]))} == {"snt"}
    both = cells(params({"stop_loss": {"resnet20": 0.5}}, stops=["steps", "loss"]))
    assert {cell.spec.stop for cell in both} == {"steps", "loss"}
    assert len(both) == 8
    assert {cell.spec.stop for cell in cells(params({"stop_loss": {"resnet20": 0.5}}, stops=["loss"]))} == {"loss"}
    assert {cell.spec.backbone for cell in cells(params(backbones=["vit", "resnet20"]))} == {"vit", "resnet20"}


def test_landscapes_are_of_the_first_seed_alone() -> None:
    found = {(cell.spec.seed, cell.spec.landscape, cell.spec.span) for cell in cells(params(landscape=5, span=0.5))}
    assert found == {(3, 5, 0.5), (5, 0, 1.0)}
    without = [cell.spec for cell in cells(params(span=0.5))]
    assert without == [cell.spec for cell in cells(params())], "a span of no landscape is in no key"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"backbones": ["cnn"]}, r"sharpness\.backbones\.0 = 'cnn': not among pretrain\.backbones; choose from resnet20, vit"),
        ({"recipes": ["sam"]}, r"sharpness\.recipes\.0 = 'sam': not pretrained for resnet20; choose from adam, snt"),
        ({"stops": ["loss"]}, r"sharpness\.stops = \['loss'\]: pretrain\.stop_loss names none of sharpness\.backbones"),
        ({"landscape": 20}, r"sharpness\.landscape = 20: an even number of points has no centre; use 21, or 0"),
        ({"group": 25}, r"sharpness\.group = 25: more than sharpness\.images = 24"),
        ({"rho": [0.1, 0.5, 0.1]}, r"sharpness\.rho = \[0\.1, 0\.5, 0\.1\]: a radius is given twice"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        params(**given)


def test_the_plan_knows_what_a_cell_costs() -> None:
    given = params(landscape=3, rho=[0.1, 0.2])
    first, second = (cells(given)[place] for place in (0, 1))
    hessian, climbs = 4 + 7 * 5, 3 + 2 * 2 * 4
    assert sharpness.work(first.spec, Facts(20, 2)) == Work(evaluated=24 * (hessian + climbs + 12 + 1))
    assert sharpness.work(second.spec, Facts(20, 2)) == Work(evaluated=24 * (hessian + climbs + 1))
    assert planned_cells(PlannedState(given))["sharpness"] == cells(given)


@pytest.fixture
def model() -> Architecture:
    return Architecture("resnet20", 10, 1, 8, {"width": 4, "stem_stride": 2})


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Architecture) -> State:
    """Prepared digits, and what the stage pretrain leaves: two models of all classes and one of fewer."""
    monkeypatch.chdir(tmp_path)
    given = params({"recipes": {"resnet20": ["adam"], "vit": ["adam"]}})
    prepare(given)
    from safetensors.numpy import save

    folder, index = tmp_path / "data/pretrain/resnet20", []
    for seed, split in ((3, "none"), (5, "none"), (3, "s0")):
        torch.manual_seed(seed)
        key = f"model{seed}{split}"
        write_bytes(folder / f"{key}.safetensors", save(model_tensors(model.build())))
        spec = {"backbone": "resnet20", "recipe": "adam", "seed": seed, "split": split, "stop": "steps", "classes": ALL}
        index.append(
            {
                "key": key, "hash": f"hash of {key}", "file_hash": hash_file(folder / f"{key}.safetensors"), "spec": spec,
                "description": model.describe(), "accuracy": 0.5,
            }
        )  # fmt: skip
    write_json(folder / "index.json", index)
    return State(given)


def cell_of(state: State, seed: int = 3, **given: Any) -> Cell[SharpnessSpec]:
    spec = SharpnessSpec(
        backbone="resnet20", recipe="adam", pretrain_seed=seed, seed=seed, stop="steps", classes=ALL, **(SMALL | given)
    )
    return Cell(spec, {"data": state.data, "dense": Input(f"data/pretrain/resnet20/model{seed}none.safetensors", "h")})


def measured(cell: Cell[SharpnessSpec]) -> dict[tuple[str, str], float]:
    result = sharpness.run(cell, Runtime())
    assert [(point.steps, point.status, point.values, point.sheet) for point in result.points] == [(0, "ok", {}, None)]
    assert {row[0] for row in result.metrics} == {0}
    return {(metric, setting): value for _, metric, setting, value in result.metrics}


def test_rows_of_a_cell(state: State) -> None:
    found = measured(cell_of(state, rho=(0.05, 0.5), landscape=3, span=0.5))
    line = [("landscape_line", a) for a in ("-0.5", "0", "0.5")]
    grid = [("landscape_loss", f"{a} {b}") for a in ("-0.5", "0", "0.5") for b in ("-0.5", "0", "0.5")]
    assert list(found) == [
        ("sharpness_loss", "none"), ("hessian_top", "none"), ("hessian_top_residual", "none"), ("hessian_trace", "none"),
        ("hessian_trace_se", "none"),
        ("sharpness_adaptive", "rho 0.05"), ("sharpness_adaptive", "rho 0.5"), *line, *grid,
    ]  # fmt: skip
    assert all(math.isfinite(value) for value in found.values())
    middle = found["landscape_line", "0"], found["landscape_loss", "0 0"]
    assert middle == (found["sharpness_loss", "none"],) * 2
    assert 0 < found["sharpness_adaptive", "rho 0.05"] < found["sharpness_adaptive", "rho 0.5"]
    assert measured(cell_of(state, rho=(0.05, 0.5), landscape=3, span=0.5)) == found, "same spec, same numbers"
    fewer = measured(cell_of(state, rho=(0.05, 0.5)))
    assert fewer == {key: value for key, value in found.items() if not key[0].startswith("landscape")}


def test_images_are_training_images_the_same_for_every_model(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    parts, real = [], DataSet._examples
    monkeypatch.setattr(
        DataSet, "_examples", lambda self, part, *rest: (parts.append(part), real(self, part, *rest))[1]
    )
    found = measured(cell_of(state))
    measured(cell_of(state, seed=5))
    assert parts == ["train", "train"], "validation and test are not read"
    data = dense.cell_data(cell_of(state))
    (x, y), other, more = (
        sharpness.sample(cell_of(state, **given).spec, data) for given in ({}, {"seed": 5}, {"images": 30})
    )
    assert torch.equal(x, other[0])
    assert torch.equal(x, more[0][:24]), "more images are the same ones and others"
    assert len(set(y.tolist())) > 5, "in no order of classes"
    model = load_model(Architecture("resnet20", 10, 1, 8, {"width": 4, "stem_stride": 2}),
                       Path("data/pretrain/resnet20/model3none.safetensors"))  # fmt: skip
    with torch.no_grad():
        assert found["sharpness_loss", "none"] == pytest.approx(float(F.cross_entropy(model(x), y)), rel=1e-5)


def test_what_cannot_be_measured_says_so(state: State, model: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"sharpness\.images = 5000: there are \d+ training images; lower it"):
        sharpness.run(cell_of(state, images=5000), Runtime())
    broken = model.build().eval()
    broken.head.weight.data.fill_(math.nan)
    monkeypatch.setattr(dense, "dense_model", lambda cell: broken)
    with pytest.raises(Diverged, match="loss nan on the training images"):
        sharpness.run(cell_of(state), Runtime())


def test_the_stage_writes_its_tables(state: State) -> None:
    planned = sharpness.plan(state.params, state)
    run_stage("sharpness", planned, state.params)
    folder = Path("data/sharpness")
    records, metrics = read_table("records", folder), read_table("metrics", folder)
    assert sorted(records.seed) == [3, 5]
    assert set(records.status) == {"ok"}
    assert set(records.dense_hash) == {"hash of model3none", "hash of model5none"}
    assert set(records.splits_hash) == {prepared_hash()}
    assert records[["accuracy", "params", "macs", "budget_asked"]].isna().all(None)
    assert set(records.budget_kind) == set(records.form) == {"none"}
    assert set(records.stop) == {"steps"}
    assert metrics.groupby("cell_key").size().tolist() == [6, 6]
    assert (read_table("timings", folder).cpu_seconds > 0).all()
    assert read_table("evidence", folder).empty


def test_no_backbones_leave_empty_tables(state: State) -> None:
    run_stage("sharpness", sharpness.plan(params(backbones=[]), state), state.params)
    assert read_table("records", Path("data/sharpness")).empty
    assert read_table("metrics", Path("data/sharpness")).empty
