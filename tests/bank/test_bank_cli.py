"""`maskbank bank`: from a prune stage's folder to a bank, to the nearest tasks; every error is one line."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from maskbank import cli
from maskbank.bank.store import open_bank
from maskbank.data.dataset import DataSet
from maskbank.experiments.artifacts import describe_artifact
from maskbank.experiments.entries import entry_of
from maskbank.files import hash_file, write_json
from maskbank.measures.cost import trace_cost
from maskbank.models.checkpoint import Architecture, model_tensors
from maskbank.params import profile_params, write_params
from maskbank.training.prototypes import class_means

TASKS = [("s0/b0", (0, 1)), ("s0/b1", (2, 3)), ("s0/b2", (1, 3)), ("s1/b0", (2, 3))]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `maskbank bank ...` in an empty folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["maskbank", "bank", *shlex.split(line)])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def write_artifact(folder: Path, name: str, tensors: dict[str, np.ndarray], line: dict[str, Any]) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, path)
    return {"key": name, "hash": hash_file(path), "file_hash": hash_file(path), "accuracy": 0.5} | line


@pytest.fixture
def stages(command: Any, small: Architecture, data: DataSet) -> Architecture:
    """What prepare, pretrain and prune leave: four masks (two tasks alike) and one that is no entry."""
    torch.manual_seed(0)
    model = small.build().eval()
    cost = trace_cost(model, small.image)
    dense = write_artifact(
        Path("data/pretrain/resnet20"), "dense", model_tensors(model), {"spec": {}, "description": small.describe()}
    )
    write_json(Path("data/pretrain/resnet20/index.json"), [dense])
    layers = [[layer.name, layer.kind, layer.count] for layer in cost.layers]
    lines = []
    for number, (task, classes) in enumerate([*TASKS, ("s0/b0", (0, 1))]):
        generator = torch.Generator().manual_seed(number)
        soft = {name: torch.rand(count, generator=generator) for name, _, count in layers}
        means = [class_means(model, data, data.examples("train", (label,)), 1) for label in classes]
        tensors = {f"mask/{name}": (value >= value.median()).numpy() for name, value in soft.items()}
        tensors |= {f"soft/{name}": value.numpy() for name, value in soft.items()}
        tensors |= {"head/weight": torch.cat(means).numpy(), "head/bias": np.zeros(2, np.float32)}
        description = {
            "task": task, "dataset": "digits", "classes": list(classes), "dense_hash": dense["hash"],
            "layers": layers, "about": {"learner": "amp", "seed": number},
        }  # fmt: skip
        spec = {"backbone": "resnet20", "bank": task[:2], "variant": "reseeded" if number == len(TASKS) else "default"}
        given = {"spec": spec, "description": description}
        lines.append(
            write_artifact(
                Path("data/prune"), f"mask{number}", tensors | {"prototypes": torch.cat(means).numpy()}, given
            )
        )
    write_json(Path("data/prune/index.json"), lines)
    images = {name: value.numpy() for name, value in data.arrays.items()}
    about = {"names": data.names, "mean": data.mean.tolist(), "std": data.std.tolist()}
    save_file(images, "images")
    write_json(Path("data/prepared/data.json"), about | {"hash": hash_file(Path("images"))})
    Path("images").rename("data/prepared/images.safetensors")
    write_params(profile_params("smoke", ["data.source=digits"]))
    return small


def test_an_artifact_becomes_an_entry(stages: Architecture) -> None:
    identity, entry = entry_of(describe_artifact(Path("data/prune/mask1.safetensors")))
    assert (identity.backbone, identity.features, identity.units) == (
        "resnet20",
        16,
        sum(map(len, entry.mask.values())),
    )
    assert (entry.task, entry.classes, entry.accuracy, entry.about["seed"]) == ("s0/b1", (2, 3), 0.5, 1)
    assert set(entry.mask) == set(entry.soft) == {name for name, _, _ in identity.layers}


def test_add_and_list(command: Any, stages: Architecture) -> None:
    assert command("add made data/prune --name s0") == (0, "made: added 3 of 3 entries\n", "")
    assert command("add made data/prune") == (0, "made: added 1 of 4 entries\n", "")
    code, out, _ = command("list made")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["id", "task", "classes", "ways", "accuracy", "kept", "learner"]
    assert [line.split()[1:4] for line in lines[1:]] == [
        [task, ",".join(map(str, classes)), "2"] for task, classes in TASKS
    ]
    rows = json.loads(command("list made --json")[1])
    assert {row["id"] for row in rows} == set(open_bank(Path("made")).ids)
    assert all(0.4 < row["kept"] < 0.8 for row in rows)


def test_query_by_entry_and_by_classes_agree(command: Any, stages: Architecture) -> None:
    """The stored prototypes are of all 10 training images of a class; so many are asked for."""
    command("add made data/prune")
    bank = open_bank(Path("made"))
    own = next(name for index, name in enumerate(bank.ids) if bank.task(index) == "s0/b0")
    code, out, _ = command(f"query made --entry {own[:12]} --json")
    assert code == 0
    stored = json.loads(out)
    assert sorted(row["task"] for row in stored) == ["s0/b1", "s1/b0"]
    assert json.loads(command("query made --classes 0,1 --images 10 --json")[1]) == stored
    assert len(command("query made --classes 0,1 --count 1")[1].splitlines()) == 2
    leep = json.loads(command("query made --classes 0,1 --images 10 --leep --json")[1])
    assert sorted(row["task"] for row in leep) == ["s0/b1", "s1/b0"]
    assert leep[0]["leep"] >= leep[1]["leep"]


def test_merge_and_verify(command: Any, stages: Architecture) -> None:
    command("add one data/prune --name s0")
    command("add two data/prune --name s1")
    assert command("merge both one two") == (0, "both: added 4 entries of 2 banks\n", "")
    assert command("verify both") == (0, "verified 4 entries in 1 packs\n", "")
    (pack,) = Path("both").glob("*.safetensors")
    content = bytearray(pack.read_bytes())
    content[-1] ^= 1
    pack.write_bytes(content)
    code, out, err = command("verify both")
    assert (code, out) == (1, "")
    assert err.startswith(f"error: 1 of 1 packs have a fault: {pack}: altered since it was written")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ("list nothing", 2, "nothing/bank.json: no such file"),
        ("verify nothing", 2, "nothing is not a mask bank"),
        ("add made nothing", 2, "nothing/index.json: no such file"),
        ("add made data/prune --name s7", 2, "data/prune: no masks of --name s7; it has s0, s1"),
        ("add made data/prune --dense abc", 2, "masks of 1 checkpoints; choose one with --dense"),
        ("add made data/pretrain/resnet20", 2, "no 'layers', which an entry has"),
        ("merge made nothing", 2, "nothing/bank.json: no such file"),
        ("query old --entry zz", 2, "entry zz: 0 ids of the bank begin so"),
        ("query old --entry ''", 2, "entry : 4 ids of the bank begin so"),
        ("query old --classes 0,9", 2, "--classes [0, 9]: expected two or more different labels of 0..3"),
        ("query old --classes 0,1,2,3", 2, "none of 4 entries is class-disjoint"),
        ("query old --classes a", 2, "a: expected labels, such as 0,2,4"),
        ("query old --classes 0 --count 0", 2, "0: expected a whole number, at least 1"),
        ("query old", 2, "one of the arguments --entry --classes is required"),
        ("query old --entry 0 --leep", 2, "--leep: needs images"),
    ],
)
def test_errors_are_one_clear_line(command: Any, stages: Architecture, line: str, code: int, reason: str) -> None:
    command("add old data/prune")
    found, out, err = command(line)
    assert (found, out) == (code, "")
    assert reason in err.splitlines()[-1]


def test_masks_of_several_models_are_not_mixed(command: Any, stages: Architecture) -> None:
    path = Path("data/prune/index.json")
    lines = json.loads(path.read_text())
    lines[1]["description"]["dense_hash"] = "other"
    write_json(path, lines)
    assert "masks of 2 checkpoints; choose one with --dense:" in command("add made data/prune")[2]
    assert command("add made data/prune --dense other")[1] == "made: added 1 of 1 entries\n"
    first = lines[0]["description"]["dense_hash"]
    assert f"dense_hash {first} instead of other" in command(f"add made data/prune --dense {first}")[2]
    assert "no checkpoint other, of which this bank is" in command("query made --classes 0,1")[2]


@pytest.mark.parametrize("action", ["", "add", "list", "query", "merge", "verify"])
def test_help(command: Any, action: str) -> None:
    code, out, _ = command(f"{action} --help")
    assert (code, out.startswith("usage: maskbank bank")) == (0, True)
