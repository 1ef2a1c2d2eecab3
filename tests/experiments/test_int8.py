"""Int8 cells: which models are planned, and one that is run from files to its rows."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from maskbank.cells.engine import Runtime
from maskbank.cells.run import gather, run_cells
from maskbank.cells.spec import Cell, Input
from maskbank.cells.store import Store
from maskbank.config import Params
from maskbank.data.dataset import DataSet
from maskbank.errors import InputError
from maskbank.experiments import int8
from maskbank.experiments.artifacts import Artifact
from maskbank.experiments.int8 import Int8Spec
from maskbank.experiments.planned import PlannedState
from maskbank.experiments.state import Checkpoints
from maskbank.files import hash_file, write_json
from maskbank.measures.latency import Latency
from maskbank.params import validate
from maskbank.records.schema import TABLES, check_table
from tests import toy_models
from tests.conftest import ARCHITECTURES

ROOT = Path(__file__).parents[2]
SEED = 3


def params(*backbones: str, **evaluate: Any) -> Params:
    given: dict[str, Any] = {
        "engine": {"kind": "serial", "precision": "float32"},
        "data": {"source": "digits"},
        "evaluate": {"int8_backbones": list(backbones), "latency_repeats": 5, **evaluate},
    }
    return validate(given, "test")


def test_the_first_model_of_each_backbone_is_planned() -> None:
    cells = int8.plan(params("vit", "resnet20", latency_batch=7), PlannedState(params("vit", "resnet20")))
    assert [(cell.stage, cell.spec.backbone, cell.spec.recipe, cell.spec.pretrain_seed) for cell in cells] == [
        ("int8", "vit", "adam", 0), ("int8", "resnet20", "adam", 0),
    ]  # fmt: skip
    spec = cells[0].spec
    assert (spec.method, spec.budget_kind, spec.budget_asked, spec.activation_bits) == ("quantize", "bits", 8, 8)
    assert (spec.role, spec.pattern, spec.latency_batch, spec.repeats) == ("rival", "none", 7, 5)
    assert set(cells[0].inputs) == {"data", "dense"}
    assert spec.classes == tuple(range(10))
    assert int8.plan(params(), PlannedState(params())) == []


class Stocked(PlannedState):
    """With these checkpoints."""

    def __init__(self, given: Params, specs: list[dict[str, Any]]) -> None:
        super().__init__(given)
        self.specs = specs

    def checkpoints(self, backbones: list[str]) -> Checkpoints:
        common = {"backbone": "vit", "split": "none", "classes": [0, 1]}
        return Checkpoints(tuple(Artifact(Path(), "", "", "", common | spec, {}, None) for spec in self.specs))


def test_models_of_a_matched_loss_or_of_fewer_classes_are_passed_over() -> None:
    specs = [
        {"recipe": "sam", "seed": 0, "stop": "steps"},
        {"recipe": "adam", "seed": 0, "stop": "loss"},
        {"recipe": "adam", "seed": 0, "stop": "steps", "split": "s1"},
        {"recipe": "adam", "seed": 2, "stop": "steps"},
        {"recipe": "adam", "seed": 1, "stop": "steps"},
    ]
    (cell,) = int8.plan(params("vit"), Stocked(params("vit"), specs))
    assert (cell.spec.recipe, cell.spec.seed, cell.spec.pretrain_seed) == ("adam", 1, 1)
    with pytest.raises(InputError, match="int8: no pretrained vit; see `maskbank failures`"):
        int8.plan(params("vit"), Stocked(params("vit"), specs[1:3]))


def test_bad_names_and_a_missing_torchao_are_said_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"evaluate\.int8_backbones\.0 = 'deit': not among pretrain\.backbones"):
        params("deit")
    monkeypatch.setitem(sys.modules, "torchao", None)
    assert int8.plan(params(), PlannedState(params())) == []
    with pytest.raises(InputError, match=r"torchao is not installed.*pip install 'maskbank\[int8\]'"):
        int8.plan(params("vit"), PlannedState(params("vit")))


def cell_of(name: str, data: DataSet, folder: Path) -> Cell[Int8Spec]:
    """A cell whose inputs lie in `folder`: the data, and a model with random weights."""
    prepared, pretrained = folder / "prepared", folder / "pretrain"
    prepared.mkdir()
    pretrained.mkdir()
    save_file(data.arrays, prepared / "images.safetensors")
    about = {"names": data.names, "mean": data.mean.tolist(), "std": data.std.tolist()}
    write_json(prepared / "data.json", about)
    torch.manual_seed(SEED)
    model, path = ARCHITECTURES[name].build(), pretrained / "model.safetensors"
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)
    line = {"key": "model", "hash": name, "file_hash": hash_file(path), "spec": {}, "accuracy": None}
    write_json(pretrained / "index.json", [{**line, "description": ARCHITECTURES[name].describe()}])
    spec = Int8Spec(backbone="vit", classes=(0, 1, 2, 3), latency_batch=2, repeats=5, seed=SEED)
    inputs = {"data": Input(str(prepared), hash_file(prepared / "images.safetensors")), "dense": Input(str(path), name)}
    return Cell(spec, inputs)


def test_a_cell_from_files_to_rows(data: DataSet, tmp_path: Path) -> None:
    """The model has random weights, and so logits near one another: one of its 12 answers may differ."""
    cell, store, given = cell_of("vit", data, tmp_path), Store(tmp_path / "cells"), params("vit")
    finished = run_cells("evaluate", [cell], given, store)
    assert finished[0].status == "ok", finished[0].body["points"]
    tables = {
        name: check_table(TABLES[name], name, frame, name) for name, frame in gather(finished, given, store).items()
    }
    assert set(tables) == set(TABLES)
    record, timing = tables["records"].iloc[0], tables["timings"].iloc[0]
    assert (record.stage, record.method, record.budget_kind, record.role) == ("int8", "quantize", "bits", "rival")
    assert (record.budget_asked, record.budget_achieved, record.activation_bits) == (8, 8, 8)
    assert record.params == record.params_dense > 0
    assert record.macs == record.macs_dense > 0
    shapes = {name: tuple(value.shape) for name, value in ARCHITECTURES["vit"].build().named_parameters()}
    inner = {name: shape for name, shape in shapes.items() if name.startswith("blocks") and len(shape) == 2}
    total = sum(4 * torch.Size(shape).numel() for shape in shapes.values())
    assert record.bytes == total - sum(3 * rows * columns - 4 * rows for rows, columns in inner.values())
    assert timing[["latency_ms", "latency_low_ms", "latency_high_ms", "latency_dense_ms"]].gt(0).all()
    agreement = tables["metrics"].set_index("setting").value
    assert set(tables["metrics"].metric) == {"int8_agreement"}
    assert set(agreement.index) == {"none", "full grid", "float"}
    assert agreement[["full grid", "none"]].ge(11 / 12).all()
    assert tables["evidence"].empty, "the test images are not looked at"


class Zero(nn.Module):
    """Answers class 0; counts the images of each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(len(x))
        return nn.functional.one_hot(torch.zeros(len(x), dtype=torch.int64), 4).float()


def test_agreement_counts_equal_answers_on_validation_images_and_latency_is_the_int8_models(
    data: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that always answers class 0 in place of the int8 one agrees as often as the float model answers that."""
    cell, zero = cell_of("vit", data, tmp_path), Zero()

    def clock(model: nn.Module, x: Tensor, repeats: int) -> Latency:
        assert (tuple(x.shape), repeats) == ((2, 1, 8, 8), 5)
        return Latency(7, 6, 8) if model is zero else Latency(4, 3, 5)

    monkeypatch.setattr("maskbank.measures.int8.int8_model", lambda model, layers: zero)
    monkeypatch.setattr(
        "maskbank.measures.latency.measure_latency",
        lambda models, x, repeats: [clock(model, x, repeats) for model in models],
    )
    result = int8.run(cell, Runtime())
    torch.manual_seed(SEED)
    model = ARCHITECTURES["vit"].build().eval()
    with torch.no_grad():
        answers = model(data.normalise(data.examples("validation", (0, 1, 2, 3)).x)).argmax(1)
    agreement = {setting: value for _, _, setting, value in result.metrics}
    assert agreement["float"] == pytest.approx(float((answers == 0).float().mean()))
    assert zero.seen == [12], "the validation images, once"
    assert result.timings == {"latency_ms": 7, "latency_low_ms": 6, "latency_high_ms": 8, "latency_dense_ms": 4}


def test_what_is_simulated_is_what_torchao_runs(data: DataSet) -> None:
    """Of a model of both kinds convolutions stay float on both sides."""
    spec = Int8Spec(backbone="vit", classes=(0, 1, 2, 3), latency_batch=2, repeats=5)
    dense = toy_models.vgg().eval()
    model, _ = int8.simulated(dense, spec, data, "full")
    before = dense.state_dict()
    assert {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])} == {"11.weight"}


def test_a_model_without_linear_layers_is_a_failed_cell_with_its_reason(data: DataSet, tmp_path: Path) -> None:
    (tmp_path / "vit").mkdir()
    cells = [cell_of("resnet", data, tmp_path), cell_of("vit", data, tmp_path / "vit")]
    finished = run_cells("evaluate", cells, params("vit"), Store(tmp_path / "cells"))
    assert [done.status for done in finished] == ["failed", "ok"]
    assert "torchao runs no convolutions in int8" in finished[0].body["points"][0]["reason"]


def test_nothing_is_printed_that_is_not_ours() -> None:
    """torchao's import makes torch warn about an enumeration of its own."""
    pytest.importorskip("torchao")
    script = (
        "from maskbank.measures.int8 import int8_model; from tests.conftest import ARCHITECTURES; "
        "model = ARCHITECTURES['vit'].build(); int8_model(model, ['blocks.0.mlp.fc1'])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
