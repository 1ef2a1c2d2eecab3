"""Pretrained checkpoints that the model registry must hold, of the records and what pretrain left, without MLflow."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from maskbank.errors import InputError
from maskbank.files import hash_file, hash_json, read_json
from maskbank.records.places import DATA
from maskbank.records.schema import NONE
from maskbank.registry import BACKBONES
from maskbank.tracking.content import Content, text

CHECKPOINT = "checkpoint"  # tag `kind` of a version and of the model that it is of
CODE = Path(__file__).with_name("pyfunc.py")
REACHED = (
    "stop_loss_reached"  # metric and tag; a checkpoint that did not get to the loss it was to stop at has no alias
)
WITHOUT = "or set track.models=false"


@dataclass(frozen=True)
class Checkpoint:
    """A pretrained checkpoint of all classes as one version of a registered model."""

    name: str  # of the registered model
    cell_key: str
    weights: Path
    file_hash: str
    about: dict[str, Any]  # architecture; mean and std of the images' channels; names of the classes
    tags: dict[str, str]
    aliases: tuple[str, ...]

    @property
    def content_hash(self) -> str:
        return self.tags["content_hash"]

    def describe(self) -> str:
        return f"checkpoint {self.cell_key} ({self.name} {alias_names(self.tags)[0]})"

    def check_weights(self) -> None:
        """Raises InputError where the file is not the one that pretrain wrote."""
        if not self.weights.is_file():
            raise InputError(f"{self.weights}: no such file; run `dvc repro`, {WITHOUT}")
        if hash_file(self.weights) != self.file_hash:
            raise InputError(f"{self.weights}: truncated or altered; run `dvc repro`, {WITHOUT}")


def model_name(experiment: str, backbone: str) -> str:
    """Of the registered model: `maskbank-resnet20`. Experiments that share a registry do not share models."""
    return re.sub(r"[^\w\-. ]", "-", f"{experiment}-{backbone}")


def alias_names(tags: Mapping[str, str]) -> tuple[str, str]:
    """The alias of a checkpoint, such as `adam-seed1` or `adam-seed1-loss`, and the one it has if it is of the first seed."""
    recipe, end = tags.get("recipe", NONE), "-loss" if tags.get("stop") == "loss" else ""
    return f"{recipe}-seed{tags.get('seed', NONE)}{end}", f"{recipe}{end}"


def is_checkpoint(content: Content) -> bool:
    """Whether a cell has left a checkpoint that was trained on all classes."""
    return [content.tags[name] for name in ("stage", "split", "status")] == ["pretrain", NONE, "ok"]


def read_checkpoints(contents: Mapping[str, Content], experiment: str, data: Path = DATA) -> list[Checkpoint]:
    """The checkpoints of the records, in the order of pretrain's indexes.

    Raises InputError where the records name a checkpoint that `data` does not hold, or its images have another shape.
    """
    wanted = {key: content for key, content in contents.items() if is_checkpoint(content)}
    checkpoints = []
    for backbone in sorted({content.tags["backbone"] for content in wanted.values()}):
        folder, taken = data / "pretrain" / backbone, set[str]()
        lines = read_lines(folder, {key for key, content in wanted.items() if content.tags["backbone"] == backbone})
        for line in lines:
            about = describe_checkpoint(line, read_json(data / "prepared" / "data.json"))
            tags = checkpoint_tags(wanted[line["key"]], line["hash"], about, experiment)
            named = alias_names(tags) if tags.get(REACHED) != "false" else ()
            aliases = tuple(alias for alias in named if alias not in taken)
            taken.update(aliases)
            weights = folder / f"{line['key']}.safetensors"
            name = model_name(experiment, backbone)
            checkpoints.append(Checkpoint(name, line["key"], weights, line["file_hash"], about, tags, aliases))
    return checkpoints


def read_lines(folder: Path, keys: set[str]) -> list[dict[str, Any]]:
    """The lines of pretrain's index that are of these cells."""
    path = folder / "index.json"
    lines = [line for line in read_json(path) if line["key"] in keys] if path.is_file() else []
    for key in sorted(keys - {line["key"] for line in lines}):
        raise InputError(f"{path}: without the checkpoint {key} of the records; run `dvc repro`, {WITHOUT}")
    return lines


def describe_checkpoint(line: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """What is needed to build and feed a checkpoint, beside its weights; published weights are not fetched to be replaced."""
    architecture = dict(line["description"])
    image = [architecture["channels"], architecture["size"]]
    if image != data["image"]:
        raise InputError(
            f"checkpoint {line['key']}: made for images {image} (channels, size), data/prepared has {data['image']}; "
            f"run `dvc repro`, {WITHOUT}"
        )
    if "pretrained" in BACKBONES.options(architecture["backbone"]):
        architecture["options"] = {**architecture["options"], "pretrained": False}
    classes = [data["names"][label] for label in line["spec"]["classes"]]
    return {"architecture": architecture, "mean": data["mean"], "std": data["std"], "classes": classes}


def checkpoint_tags(content: Content, dense_hash: str, about: Mapping[str, Any], experiment: str) -> dict[str, str]:
    """Tags of a version. Its `content_hash` changes with the checkpoint, with how it is fed, and with the code that loads it."""
    stop, measured = "loss" if content.tags["stop"] == "loss" else "steps", content.latest()
    reached = {REACHED: "true" if measured.get(REACHED, 1.0) else "false"} if stop == "loss" else {}
    labels = {name: content.tags[name] for name in ("backbone", "recipe", "seed", "split", "dataset")}
    return {
        **labels,
        **reached,
        "kind": CHECKPOINT,
        "experiment": experiment,
        "cell_key": content.cell_key,
        "stop": stop,
        "accuracy": text(measured.get("accuracy", math.nan)),
        "dense_hash": dense_hash,
        "content_hash": hash_json([dense_hash, about, hash_file(CODE)]),
    }


def read_example(data: Path = DATA) -> NDArray[np.uint8]:
    """The first training image, [1, H, W, C]."""
    path = data / "prepared" / "images.safetensors"
    try:
        with safe_open(path, framework="numpy") as tensors:
            image: NDArray[np.uint8] = tensors.get_slice("train_x")[:1]
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: not readable ({error}); run `dvc repro prepare`, {WITHOUT}") from None
    return image
