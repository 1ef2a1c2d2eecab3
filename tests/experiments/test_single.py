"""`maskbank prune` and `maskbank export` on models of a user's own, through the command itself."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from maskbank.cli import parser
from maskbank.errors import InputError
from maskbank.models import foreign
from tests.toy_models import MODELS

ROOT = Path(__file__).parents[2]
FACTORY = ["tests.toy_models:vgg", "--image", "1x8x8"]


def maskbank(*arguments: object) -> str:
    """What the command prints."""
    given, printed = parser().parse_args([str(argument) for argument in arguments]), io.StringIO()
    with contextlib.redirect_stdout(printed):
        given.function(given)
    return printed.getvalue()


def test_the_command_itself_ends_with_one_line_and_its_exit_code(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "maskbank.cli",
        "prune",
        "nothing",
        "--method",
        "l1",
        "--budget",
        "0.5",
        "--out",
        tmp_path,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: model nothing: timm cannot build it")
    assert done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dense") / "vgg.safetensors"
    torch.manual_seed(3)
    save_file(MODELS["vgg"]().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def pruned(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pruned")
    text = maskbank("prune", *FACTORY, "--weights", weights, "--method", "l2", "--budget", 0.5, "--budget-kind", "macs",
                    "--allocation", "uniform", "--out", out)  # fmt: skip
    assert "achieved         0.4" in text
    return out


def test_what_is_saved_is_small_and_of_the_dense_weights(pruned: Path, weights: Path) -> None:
    dense, small = load_file(weights), load_file(pruned / "model.safetensors")
    assert sum(value.numel() for value in small.values()) < 0.7 * sum(value.numel() for value in dense.values())
    rows = {tuple(row.tolist()) for row in dense["0.weight"].flatten(1)}
    assert all(tuple(row.tolist()) in rows for row in small["0.weight"].flatten(1)), (
        "filters of the dense model, unchanged"
    )
    assert json.loads((pruned / "spec.json").read_text())["image"] == [1, 8, 8]


def test_it_loads_in_a_fresh_process_without_the_pruning_code(pruned: Path) -> None:
    script = (
        "import sys, torch; from maskbank.models.foreign import load_model\n"
        f"model = load_model({str(pruned)!r}); print(tuple(model(torch.zeros(2, 1, 8, 8)).shape))\n"
        "print([name for name in sys.modules if name.startswith(('maskbank.pruning', 'maskbank.training'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["(2, 4)", "[]"]


def test_export_agrees_with_the_runtimes(pruned: Path) -> None:
    for package in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(package)
    text = maskbank("export", pruned)
    assert text.count("logits agree to") == 2
    import onnxruntime

    session = onnxruntime.InferenceSession(str(pruned / "model.onnx"), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).normal(size=(5, 1, 8, 8)).astype(np.float32)
    answers = session.run(None, {"image": x})[0]
    with torch.no_grad():
        expected = foreign.load_model(pruned)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_new_biases_and_heads_come_back(tmp_path: Path) -> None:
    """mean reconstruction gives a convolution without bias one; a ViT says how many heads are left."""
    x = np.random.default_rng(0).integers(0, 255, (40, 8, 8, 1)).astype(np.uint8)
    np.savez(tmp_path / "images.npz", x_train=x, y_train=np.arange(40) % 4, x_test=x[:4], y_test=np.arange(4))
    maskbank("prune", "tests.toy_models:dense", "--image", "1x8x8", "--method", "taylor", "--data", tmp_path / "images.npz",
             "--budget", 0.5, "--reconstruct", "mean", "--out", tmp_path / "dense")  # fmt: skip
    assert json.loads((tmp_path / "dense/spec.json").read_text())["new_biases"]
    small = {"img_size": 32, "depth": 2}
    options = [part for key, value in small.items() for part in ("--model-option", f"{key}={value}")]
    maskbank("prune", "vit_tiny_patch16_224", *options, "--image", "3x32x32", "--method", "l1", "--budget", 0.5,
             "--allocation", "uniform", "--out", tmp_path / "vit")  # fmt: skip
    vit = foreign.load_model(tmp_path / "vit")
    assert [block.attn.num_heads for block in vit.blocks] == [2, 2], "half of the heads that may leave"


def test_single_weights_are_set_to_zero(tmp_path: Path) -> None:
    maskbank("prune", *FACTORY, "--method", "l1", "--pattern", "2:4", "--allocation", "uniform", "--budget", 0.5, "--out",
             tmp_path)  # fmt: skip
    weight = load_file(tmp_path / "model.safetensors")["4.weight"]
    assert ((weight != 0).unflatten(1, (-1, 4)).sum(2) <= 2).all()


def test_units_by_torch_pruning(tmp_path: Path) -> None:
    pytest.importorskip("torch_pruning")
    by = {}
    for graph in ("trace", "torch_pruning"):
        maskbank("prune", *FACTORY, "--method", "l1", "--budget", 0.5, "--graph", graph, "--out", tmp_path / graph)
        by[graph] = {name: value.shape for name, value in load_file(tmp_path / graph / "model.safetensors").items()}
    assert by["trace"] == by["torch_pruning"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing", "--image", "1x8x8"], "model nothing: timm cannot build it"),
        (["tests.toy_models:nothing", "--image", "1x8x8"], "model tests.toy_models:nothing: cannot be built"),
        ([*FACTORY, "--image", "8x8"], "--image 8x8: expected channels x height x width"),
        ([*FACTORY, "--image", "3x8x8"], "the model's forward fails"),
        ([*FACTORY, "--method", "taylor"], "method taylor: needs examples of the task and got none"),
        ([*FACTORY, "--method", "nearest"], "--method = 'nearest': no such score; choose from"),
        ([*FACTORY, "--option", "p=3"], "--option.p = 3: score 'l1' has no such option"),
        ([*FACTORY, "--budget", "0.001"], "out of reach; with one unit left in each layer"),
        ([*FACTORY, "--method", "fpgm", "--pattern", "2:4"], "ranks units; with --pattern 2:4 choose from"),
        ([*FACTORY, "--method", "hessian", "--option", "probes=two"], "--option.probes = 'two': expected a value of type int"),
        ([*FACTORY, "--budget", "3"], "--budget 3: expected a fraction above 0"),
        ([*FACTORY, "--pattern", "2:4", "--budget-kind", "macs"], "--budget-kind macs: for patterns that remove units"),
        (["vit_tiny_patch16_224", "--image", "3x64x64"], "the model's forward fails"),
        ([*FACTORY, "--schedule", "slowly"], "schedule = 'slowly': expected one_shot"),
        (["tests.toy_models:Stubborn", "--image", "1x8x8"], "the model's forward fails"),
        ([*FACTORY, "--weights", "nowhere.safetensors"], "nowhere.safetensors: no such file"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(arguments: list[str], message: str, tmp_path: Path) -> None:
    given = {"--method": "l1", "--budget": "0.5", "--out": str(tmp_path)}
    rest = [part for key, value in given.items() if key not in arguments for part in (key, value)]
    with pytest.raises(InputError) as caught:
        maskbank("prune", *arguments, *rest)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_files_that_do_not_fit_are_named(pruned: Path, weights: Path, tmp_path: Path) -> None:
    state = load_file(weights)
    save_file({**state, "0.weight": state["0.weight"][:2].contiguous()}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"tensor 0\.weight has the shape \[2, 1, 3, 3\], the model's \[8, 1, 3, 3\]"):
        foreign.load_weights(MODELS["vgg"](), tmp_path / "other.safetensors")
    (tmp_path / "spec.json").write_text((pruned / "spec.json").read_text())
    (tmp_path / "model.safetensors").write_bytes((pruned / "model.safetensors").read_bytes()[:-50])
    with pytest.raises(InputError, match="not a readable safetensors file"):
        foreign.load_model(tmp_path)
    with pytest.raises(InputError, match=r"no readable spec\.json"):
        foreign.load_model(tmp_path / "nowhere")
