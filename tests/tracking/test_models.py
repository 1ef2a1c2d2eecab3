"""Pretrained checkpoints in the model registry: tiny ones, in folders as the pipeline leaves them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from safetensors.numpy import save as save_tensors

from maskbank.config import Params, Track
from maskbank.data.dataset import DataSet
from maskbank.errors import InputError, WorkError
from maskbank.files import hash_bytes, hash_json, write_bytes, write_json
from maskbank.models.checkpoint import Architecture, load_model, model_tensors
from maskbank.tracking.checkpoints import alias_names, describe_checkpoint, model_name
from maskbank.tracking.logged import check_place, upload
from maskbank.tracking.reconcile import check, reconcile
from maskbank.tracking.store import Store, store_uri

from .builder import cell, write_cells

PARAMS = Params(track=Track(experiment="fake"))
CLASSES, CHANNELS, SIZE = 4, 3, 8
MEAN, STD = [0.2, 0.5, 0.7], [0.1, 0.3, 0.25]
ARCHITECTURE = Architecture("resnet20", CLASSES, CHANNELS, SIZE, {"width": 4})
NAME = "fake-resnet20"


class Killed(BaseException):
    """Stands for the end of the process: nothing may catch it."""


def net_cell(key: str, **changes: Any) -> dict[str, Any]:
    """A pretrained checkpoint's record; `weights` is the seed of its weights."""
    labels = {
        "stage": "pretrain", "method": "dense", "role": "reference", "task": "none", "task_split": "none",
        "split": "none", "ways": None, "shots": None, "allocation": "none", "budget_kind": "none",
        "budget_asked": None, "bank": "none", "stop": "steps",
    }  # fmt: skip
    return cell(key, **{**labels, **changes})


def index_line(folder: Path, one: dict[str, Any], weights: int) -> dict[str, Any]:
    """Write the weights of a checkpoint, and return its line of the index."""
    torch.manual_seed(weights)
    content = save_tensors(model_tensors(ARCHITECTURE.build()))
    write_bytes(folder / f"{one['cell_key']}.safetensors", content)
    described, file_hash = ARCHITECTURE.describe(), hash_bytes(content)
    spec = {name: one[name] for name in ("backbone", "recipe", "seed", "split", "stop")}
    return {
        "key": one["cell_key"], "hash": hash_json([file_hash, described]), "file_hash": file_hash,
        "spec": spec | {"classes": list(range(CLASSES))}, "description": described, "accuracy": 0.8,
    }  # fmt: skip


def write_checkpoints(folder: Path, cells: list[dict[str, Any]], weights: dict[str, int] | None = None) -> None:
    """Tables, data and checkpoints of these cells as the stages leave them, and a cell that is no checkpoint."""
    write_cells(folder, [*cells, cell("k1")])
    generator = np.random.default_rng(0)
    arrays = {"train_x": generator.integers(0, 256, (5, SIZE, SIZE, CHANNELS), dtype=np.uint8)}
    write_bytes(Path("data/prepared/images.safetensors"), save_tensors(arrays))
    names = [f"class {label}" for label in range(CLASSES)]
    write_json(Path("data/prepared/data.json"), {"names": names, "image": [CHANNELS, SIZE], "mean": MEAN, "std": STD})
    for backbone in {one["backbone"] for one in cells}:
        place = Path("data/pretrain") / backbone
        own = [one for one in cells if one["backbone"] == backbone]
        lines = [index_line(place, one, (weights or {}).get(one["cell_key"], number)) for number, one in enumerate(own)]
        write_json(place / "index.json", lines)


def three_cells() -> list[dict[str, Any]]:
    """Two seeds of Adam and one of SNT, on all classes."""
    return [net_cell("a0"), net_cell("a1", seed=1, pretrain_seed=1), net_cell("s0", recipe="snt")]


@pytest.fixture(autouse=True)
def uri(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a user would set, so that `models:/` is looked up here."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri())


@pytest.fixture
def logged(folder: Path) -> Path:
    """Three checkpoints, reconciled."""
    write_checkpoints(folder, three_cells())
    reconcile(folder, PARAMS)
    return folder


def client() -> MlflowClient:
    return MlflowClient(tracking_uri=store_uri())


def versions(name: str = NAME) -> dict[str, Any]:
    """Version number -> version."""
    return {str(one.version): one for one in client().search_model_versions(f"name = '{name}'")}


def aliases(name: str = NAME) -> dict[str, str]:
    """Alias -> cell of the version that it is on."""
    held = client().get_registered_model(name).aliases
    return {alias: versions(name)[str(number)].tags["cell_key"] for alias, number in held.items()}


def state() -> Any:
    """All that the registry says, and the files of the models."""
    files = sorted((str(path), path.stat().st_mtime_ns) for path in Path("mlruns").rglob("*") if path.is_file())
    models = client().search_logged_models([client().get_experiment_by_name("fake").experiment_id])
    told = sorted((one.model_id, str(one.status), sorted(one.tags.items())) for one in models)
    return {number: one.to_proto().SerializeToString() for number, one in versions().items()}, aliases(), told, files


def done(folder: Path) -> tuple[int, int, int]:
    """Versions created, kept and superseded by another run."""
    found = reconcile(folder, PARAMS).versions
    return found.created, found.kept, found.superseded


def load(alias: str) -> Any:
    return mlflow.pyfunc.load_model(f"models:/{NAME}@{alias}", suppress_warnings=True)


def images(count: int) -> Any:
    return np.random.default_rng(1).integers(0, 256, (count, SIZE, SIZE, CHANNELS), dtype=np.uint8)


def test_a_loaded_model_gives_the_models_own_logits_exactly(logged):
    loaded, given = load("adam-seed1"), images(203)
    own = load_model(ARCHITECTURE, Path("data/pretrain/resnet20/a1.safetensors"))
    data = DataSet([], torch.tensor(MEAN), torch.tensor(STD), {})
    x = data.normalise(torch.from_numpy(given).permute(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        expected = torch.cat([own(x[:200]), own(x[200:])]).numpy()
    logits = loaded.predict(given)
    assert logits.dtype == np.float32
    assert np.array_equal(logits, expected)
    assert np.ptp(logits) > 0
    network = loaded.unwrap_python_model()
    assert not network.model.training
    assert all(torch.equal(value, own.state_dict()[name]) for name, value in network.model.state_dict().items())
    assert network.classes == ["class 0", "class 1", "class 2", "class 3"]
    assert loaded.predict(given[:0]).shape == (0, CLASSES)


def test_images_of_another_shape_are_refused(logged):
    loaded = load("adam")
    with pytest.raises(
        MlflowException, match=r"Shape of input \(2, 9, 9, 3\) does not match expected shape \(-1, 8, 8, 3\)"
    ):
        loaded.predict(np.zeros((2, 9, 9, 3), np.uint8))
    with pytest.raises(MlflowException, match=r"dtype of input float32 does not match expected dtype uint8"):
        loaded.predict(images(2).astype(np.float32))
    with pytest.raises(ValueError, match=r"images are uint8 \[2, 3, 8, 8\]; expected uint8 \[N, 8, 8, 3\]"):
        loaded.unwrap_python_model().predict(None, images(2).transpose(0, 3, 1, 2))


def test_what_a_version_holds(logged):
    assert aliases() == {"adam": "a0", "adam-seed0": "a0", "adam-seed1": "a1", "snt": "s0", "snt-seed0": "s0"}
    (version,) = (one for one in versions().values() if one.tags["cell_key"] == "a1")
    lines = {line["key"]: line for line in json.loads(Path("data/pretrain/resnet20/index.json").read_text())}
    assert version.tags.items() >= {
        "recipe": "adam", "seed": "1", "stop": "steps", "split": "none", "dataset": "digits", "accuracy": "0.8",
        "dense_hash": lines["a1"]["hash"], "experiment": "fake", "kind": "checkpoint",
    }.items()  # fmt: skip
    run = client().get_run(version.run_id)
    assert run.data.tags["cell_key"] == "a1"
    assert run.info.status == "FINISHED"
    (output,) = run.outputs.model_outputs
    model = client().get_logged_model(output.model_id)
    assert (model.artifact_location, model.source_run_id, str(model.status)) == (
        version.source,
        version.run_id,
        "READY",
    )
    assert model.params["recipe"] == "adam"
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": NAME, "version": str(version.version)}]


def test_signature_example_and_no_pickle(logged):
    folders = list(Path("mlruns/models").iterdir())
    assert len(folders) == 3
    for folder in folders:
        files = {str(path.relative_to(folder / "artifacts")) for path in folder.rglob("*") if path.is_file()}
        weights = {name for name in files if name.endswith(".safetensors")}
        assert len(weights) == 1
        assert files - weights == {
            "MLmodel", "artifacts/network.json", "conda.yaml", "input_example.json", "pyfunc.py", "python_env.yaml",
            "requirements.txt", "serving_input_example.json",
        }  # fmt: skip
        needed = (folder / "artifacts/requirements.txt").read_text().split()
        assert f"mlflow=={mlflow.__version__}" in needed
        assert all("==" in line for line in needed)
    about = mlflow.models.get_model_info(f"models:/{NAME}@adam")
    (given,), (answer,) = about.signature.inputs.inputs, about.signature.outputs.inputs
    assert (given.type, given.shape) == (np.dtype("uint8"), (-1, SIZE, SIZE, CHANNELS))
    assert (answer.type, answer.shape) == (np.dtype("float32"), (-1, CLASSES))
    example = load("adam").input_example
    assert example.shape == (1, SIZE, SIZE, CHANNELS)
    assert load("adam").predict(example).shape == (1, CLASSES)


def test_a_second_time_changes_nothing(folder):
    write_checkpoints(folder, three_cells())
    assert done(folder) == (3, 0, 0)
    before = state()
    assert done(folder) == (0, 3, 0)
    assert state() == before
    assert check(folder, PARAMS) == []


def test_a_changed_model_is_a_new_version_and_takes_the_aliases(logged):
    write_checkpoints(logged, three_cells(), {"a0": 77})
    assert any("checkpoint a0" in line and "0 live versions" in line for line in check(logged, PARAMS))
    assert done(logged) == (1, 2, 1)
    assert check(logged, PARAMS) == []
    old, new = sorted(
        (one for one in versions().values() if one.tags["cell_key"] == "a0"), key=lambda one: int(one.version)
    )
    assert (old.tags["superseded"], new.tags.get("superseded")) == ("true", None)
    held = client().get_registered_model(NAME).aliases
    assert str(held["adam"]) == str(held["adam-seed0"]) == str(new.version)
    own = load_model(ARCHITECTURE, Path("data/pretrain/resnet20/a0.safetensors"))
    assert torch.equal(load("adam").unwrap_python_model().model.head.weight, own.head.weight)


def test_cells_no_longer_current_are_marked_until_they_are_current_again(logged):
    write_checkpoints(logged, three_cells()[1:2], {"a1": 1})
    lines = check(logged, PARAMS)
    assert sum("is no longer current and not marked superseded" in line for line in lines) == 2
    assert done(logged) == (0, 1, 2)
    assert check(logged, PARAMS) == []
    assert aliases() == {"adam": "a1", "adam-seed1": "a1"}
    assert {one.tags["cell_key"] for one in versions().values() if one.tags.get("superseded") == "true"} == {"a0", "s0"}
    write_checkpoints(logged, three_cells())
    assert done(logged) == (0, 3, 0)
    assert aliases()["adam"] == "a0"
    assert len(versions()) == 3
    assert check(logged, PARAMS) == []


def test_no_models_at_all_supersede_what_there_was(logged):
    write_cells(logged, [cell("k1")])
    assert done(logged) == (0, 0, 3)
    assert aliases() == {}
    assert check(logged, PARAMS) == []


def test_a_replaced_run_gets_a_new_version_of_the_model_as_it_was_logged(logged):
    cells = three_cells()
    write_checkpoints(logged, [{**cells[0], "accuracy_dense": 0.91}, *cells[1:]])
    before = set(Path("mlruns/models").iterdir())
    assert done(logged) == (1, 2, 1)
    assert set(Path("mlruns/models").iterdir()) == before
    version = client().get_model_version_by_alias(NAME, "adam")
    run = client().get_run(version.run_id)
    assert run.info.lifecycle_stage == "active"
    (output,) = run.outputs.model_outputs
    told = json.loads(client().get_logged_model(output.model_id).tags["mlflow.modelVersions"])
    assert told[-1] == {"name": NAME, "version": str(version.version)}
    assert len(told) == 2
    assert check(logged, PARAMS) == []


@pytest.mark.parametrize(
    "call",
    [
        "create_logged_model", "log_outputs", "log_model_artifacts", "finalize_logged_model", "create_registered_model",
        "create_model_version", "set_logged_model_tags", "set_registered_model_alias",
    ],
)  # fmt: skip
def test_a_killed_writer_leaves_nothing_that_the_next_cannot_mend(folder, monkeypatch, call):
    """Killed in its second call, where there is one: one checkpoint may be whole, the other is not."""
    write_checkpoints(folder, three_cells()[:2])
    original, calls = getattr(MlflowClient, call), []

    def killed(*arguments, **options):
        calls.append(call)
        if len(calls) == 2 or call == "create_registered_model":
            raise Killed
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, call, killed)
        with pytest.raises(Killed):
            reconcile(folder, PARAMS)
    assert check(folder, PARAMS) != []
    reconcile(folder, PARAMS)
    assert check(folder, PARAMS) == []
    assert sorted(one.tags["cell_key"] for one in versions().values()) == ["a0", "a1"]
    experiment = client().get_experiment_by_name("fake").experiment_id
    assert [str(one.status) for one in client().search_logged_models([experiment])] == ["READY", "READY"]
    listed = [json.loads(one.tags["mlflow.modelVersions"]) for one in client().search_logged_models([experiment])]
    assert sorted(one["version"] for (one,) in listed) == ["1", "2"]
    assert load("adam").predict(images(1)).shape == (1, CLASSES)


def test_check_finds_what_is_missing_moved_edited_or_gone(logged):
    by_cell = {one.tags["cell_key"]: one for one in versions().values()}
    client().delete_model_version(NAME, by_cell["s0"].version)
    client().set_registered_model_alias(NAME, "adam", by_cell["a1"].version)
    client().set_registered_model_alias(NAME, "snt", by_cell["a1"].version)
    client().set_model_version_tag(NAME, by_cell["a1"].version, "accuracy", "1")
    lines = check(logged, PARAMS)
    assert f"checkpoint s0 ({NAME} snt-seed0): 0 live versions instead of 1" in lines
    assert f"alias adam of {NAME} is version {by_cell['a1'].version}, not {by_cell['a0'].version}" in lines
    assert f"checkpoint a1 ({NAME} adam-seed1): version {by_cell['a1'].version}: tag accuracy differs" in lines
    assert done(logged) == (1, 2, 0)
    assert check(logged, PARAMS) == []
    assert aliases()["snt"] == "s0"
    assert len(list(Path("mlruns/models").iterdir())) == 3
    (Path(by_cell["a0"].source.removeprefix("file://")) / "MLmodel").unlink()
    assert any("checkpoint a0" in line for line in check(logged, PARAMS))
    assert done(logged) == (1, 2, 1)
    assert check(logged, PARAMS) == []
    assert load("adam").predict(images(1)).shape == (1, CLASSES)


def test_versions_and_aliases_of_others_are_left_alone(logged):
    version = client().get_model_version_by_alias(NAME, "adam-seed1")
    client().set_registered_model_alias(NAME, "champion", version.version)
    by_hand = client().create_model_version(NAME, version.source, tags={"kind": "checkpoint"})
    write_checkpoints(logged, three_cells()[:1])
    assert done(logged) == (0, 1, 2)
    held = client().get_registered_model(NAME).aliases
    assert set(held) == {"adam", "adam-seed0", "champion"}
    assert client().get_model_version(NAME, by_hand.version).tags == {"kind": "checkpoint"}


def test_another_experiment_has_models_of_its_own(logged):
    other = Params(track=Track(experiment="team/other"))
    assert reconcile(logged, other).versions.created == 3
    assert len(versions("team-other-resnet20")) == 3
    assert check(logged, other) == check(logged, PARAMS) == []
    assert done(logged) == (0, 3, 0)


def test_which_models_and_what_they_are_called(folder):
    cells = [
        net_cell("a2", seed=2),
        net_cell("a1", seed=1),
        net_cell("l1", seed=1, stop="loss", stop_loss_reached=0.0),
        net_cell("l2", seed=2, stop="loss", stop_loss_reached=1.0),
        net_cell("u0", split="s1"),
        net_cell("v0", backbone="vit"),
        net_cell("f0", status="failed", reason="out of memory"),
    ]
    write_checkpoints(folder, cells)
    receipt = reconcile(folder, PARAMS)
    assert receipt.models == receipt.facts()["models"] == 5
    assert (
        "one model version for each of 5 pretrained checkpoints (5 created, 0 as they were, 0 superseded)"
        in receipt.line()
    )
    assert aliases() == {
        "adam": "a2",
        "adam-seed2": "a2",
        "adam-seed1": "a1",
        "adam-loss": "l2",
        "adam-seed2-loss": "l2",
    }
    told = {one.tags["cell_key"]: one.tags.get("stop_loss_reached") for one in versions().values()}
    assert told == {"a2": None, "a1": None, "l1": "false", "l2": "true"}
    assert aliases("fake-vit") == {"adam": "v0", "adam-seed0": "v0"}


def test_names():
    assert model_name("maskbank", "resnet20") == "maskbank-resnet20"
    assert alias_names({"recipe": "snt_sam", "seed": "3", "stop": "loss"}) == ("snt_sam-seed3-loss", "snt_sam-loss")


def test_published_weights_are_not_fetched_to_be_replaced():
    line = {
        "key": "k", "spec": {"classes": [0, 2]},
        "description": {"backbone": "resnet50", "channels": 3, "size": 224, "options": {}},
    }  # fmt: skip
    data = {"image": [3, 224], "names": ["a", "b", "c"], "mean": MEAN, "std": STD}
    about = describe_checkpoint(line, data)
    assert about["architecture"]["options"] == {"pretrained": False}
    assert about["classes"] == ["a", "c"]
    with pytest.raises(InputError, match=r"checkpoint k: made for images \[3, 224\].*has \[1, 28\]"):
        describe_checkpoint(line, {**data, "image": [1, 28]})


def test_without_models_nothing_of_the_kind_is_touched(logged):
    off = Params(track=Track(experiment="fake", models=False))
    before = state()
    write_checkpoints(logged, three_cells()[:1], {"a0": 5})
    Path("data/pretrain/resnet20/index.json").unlink()
    receipt = reconcile(logged, off)
    assert "pretrained" not in receipt.line()
    assert state() == before
    assert check(logged, off) == []


def test_models_that_are_missing_or_altered_are_named(folder):
    write_checkpoints(folder, three_cells())
    weights = Path("data/pretrain/resnet20/a1.safetensors")
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(
        InputError, match=r"a1\.safetensors: truncated or altered; run `dvc repro`, or set track\.models=false"
    ):
        reconcile(folder, PARAMS)
    weights.unlink()
    with pytest.raises(InputError, match=r"a1\.safetensors: no such file"):
        reconcile(folder, PARAMS)
    Path("data/pretrain/resnet20/index.json").unlink()
    for function in (reconcile, check):
        with pytest.raises(InputError, match=r"resnet20/index\.json: without the checkpoint a0 of the records"):
            function(folder, PARAMS)
    assert len(client().search_runs([client().get_experiment_by_name("fake").experiment_id])) == 4, "the runs are in"


def test_a_server_that_takes_no_artifacts_is_one_line(monkeypatch, tmp_path):
    def store(place: str, fails: Exception | None = None) -> Store:
        def send(model_id: str, folder: str) -> None:
            if fails:
                raise fails

        experiment = SimpleNamespace(artifact_location=place)
        return Store(SimpleNamespace(get_experiment=lambda _: experiment, log_model_artifacts=send), "1")  # type: ignore[arg-type]

    model = SimpleNamespace(model_id="m-1", artifact_location="mlflow-artifacts:/1/models/m-1/artifacts")
    check_place(store("file:///here/mlruns"))
    with pytest.raises(OSError, match="disk full"):
        upload(store("file:///here/mlruns", OSError("disk full")), model, tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@tracking.example")
    refused = []
    for place in ("mlflow-artifacts:/1", "s3://bucket/1"):
        check_place(store(place))
        upload(store(place), model, tmp_path)
    for place in ("/srv/mlruns/1", "file:///srv/mlruns/1"):
        with pytest.raises(WorkError, match=f"takes no models.*{place}") as caught:
            check_place(store(place))
        refused.append(str(caught.value))
    for error in (MlflowException("503 Service\nUnavailable"), OSError("https://me:secret@x"), ImportError("no boto3")):
        with pytest.raises(WorkError, match=r"takes no models.*m-1/artifacts did not arrive") as caught:
            upload(store("s3://bucket/1", error), model, tmp_path)
        refused.append(str(caught.value))
    for line in refused:
        assert "--serve-artifacts" in line
        assert "track.models=false" in line
        assert "\n" not in line
        assert "secret" not in line


def test_logging_models_imports_no_torch_and_the_three_lines_of_the_readme_load_one(folder):
    write_checkpoints(folder, three_cells())
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (lines,) = re.findall(r"```python\n(import mlflow\n.*?)```", readme, re.DOTALL)
    code = (
        "import sys; from pathlib import Path; from maskbank.config import Params; "
        "from maskbank.tracking.reconcile import reconcile; "
        "print(reconcile(Path('reports'), Params()).versions.created, 'torch' in sys.modules)"
    )
    told = "print(model.predict(model.input_example).shape, type(model.unwrap_python_model().model).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{lines}\n{told}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["3 False", "(1, 4) ResNet"]
    assert len([line for line in lines.splitlines() if line]) == 3
