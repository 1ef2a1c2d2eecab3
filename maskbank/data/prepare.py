"""Preparing a data set: load, split into train / validation / test, draw the tasks, write arrays and JSON."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save as save_tensors

from maskbank.config import Data, Params
from maskbank.data.prepared import FOREIGN, PREPARED
from maskbank.data.raw import Raw
from maskbank.data.tasks import draw_splits
from maskbank.errors import InputError
from maskbank.files import hash_bytes, write_bytes, write_json
from maskbank.registry import SOURCES
from maskbank.seeds import numpy_generator


def prepare(params: Params, folder: Path = PREPARED) -> str:
    """Write the data set and the splits, and in `foreign/` the other data set; returns one line on what was prepared."""
    raw = load(params.data, "data")
    foreign = load_like(params.foreign, raw, params.data.size) if params.foreign else None
    splits = draw_splits(params.tasks, len(raw.names), len(foreign.names) if foreign else 0)
    written = write_dataset(raw, params.data, folder, "data")
    if params.foreign and foreign:
        written += "; foreign: " + write_dataset(foreign, params.foreign, folder / FOREIGN.name, "foreign")
    write_json(folder / "splits.json", [split.model_dump(mode="json") for split in splits])
    return f"prepare: {written}; {len(splits)} splits"


def load(data: Data, key: str) -> Raw:
    path = None if data.path is None else Path(data.path)
    raw: Raw = SOURCES.module(data.source).load(path, data.size)
    return raw.check(f"{key}.source = {data.source}")


def load_like(data: Data, like: Raw, size: int | None) -> Raw:
    """A data set with the image shape of another one: resized, grey repeated to colours, colours averaged to grey."""
    raw = load(data, "foreign")
    side, channels = size or like.train_x.shape[1], like.train_x.shape[3]

    def fit(x: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if x.shape[3] != channels:
            x = np.repeat(x.mean(3, keepdims=True).round().astype(np.uint8), channels, axis=3)
        return resize(x, side)

    return replace(raw, train_x=fit(raw.train_x), test_x=fit(raw.test_x))


def write_dataset(raw: Raw, data: Data, folder: Path, key: str) -> str:
    """Write `images.safetensors` and `data.json`; returns one line."""
    arrays = part_arrays(raw, data, key)
    content = save_tensors(arrays)
    train = arrays["train_x"].astype(np.float64) / 255
    shared = duplicates(arrays["train_x"], arrays["test_x"])
    write_bytes(folder / "images.safetensors", content)
    write_json(
        folder / "data.json",
        {
            "source": data.source,
            "names": raw.names,
            "image": [arrays["train_x"].shape[3], arrays["train_x"].shape[1]],
            "mean": train.mean((0, 1, 2)).tolist(),
            "std": np.maximum(train.std((0, 1, 2)), 1e-3).tolist(),
            "images": {part: len(arrays[f"{part}_y"]) for part in ("train", "validation", "test")},
            "test_images_also_in_train": shared,
            "hash": hash_bytes(content),
        },
    )
    parts = ", ".join(f"{len(arrays[f'{part}_y'])} {part}" for part in ("train", "validation", "test"))
    return f"{data.source}: {parts} images, {len(raw.names)} classes, {shared} test images also in train"


def part_arrays(raw: Raw, data: Data, key: str = "data") -> dict[str, NDArray]:
    """Arrays `{part}_x`, `{part}_y`, `{part}_ids` of the three parts; ids are positions in the source's own arrays."""
    generator = numpy_generator(data.seed, "images")
    chosen: dict[str, list[NDArray[np.int64]]] = {"train": [], "validation": [], "test": []}
    for label, name in enumerate(raw.names):
        train = generator.permutation(np.flatnonzero(raw.train_y == label))
        test = np.flatnonzero(raw.test_y == label)
        need = data.validation_per_class + (data.train_per_class or 1)
        if len(train) < need:
            raise InputError(
                f"{key}: class {name!r} has {len(train)} training images; train_per_class and validation_per_class ask for {need}"
            )
        if len(test) < (data.test_per_class or 1):
            raise InputError(
                f"{key}.test_per_class = {data.test_per_class}: class {name!r} has {len(test)} test images"
            )
        end = None if data.train_per_class is None else need
        chosen["validation"].append(train[: data.validation_per_class])
        chosen["train"].append(train[data.validation_per_class : end])
        chosen["test"].append(test[: data.test_per_class])
    arrays: dict[str, NDArray] = {}
    for part, picks in chosen.items():
        ids = np.sort(np.concatenate(picks))
        x, y = (raw.test_x, raw.test_y) if part == "test" else (raw.train_x, raw.train_y)
        arrays[f"{part}_x"] = np.ascontiguousarray(resize(x[ids], data.size))
        arrays[f"{part}_y"] = y[ids].astype(np.int64)
        arrays[f"{part}_ids"] = ids.astype(np.uint32)
    return arrays


def resize(x: NDArray[np.uint8], size: int | None) -> NDArray[np.uint8]:
    """Bilinear, antialiased resize of [N, H, W, C] to `size` pixels a side."""
    if size is None or x.shape[1:3] == (size, size):
        return x
    pixels = torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2).float()
    resized = torch.nn.functional.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
    return resized.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


def duplicates(train: NDArray[np.uint8], test: NDArray[np.uint8]) -> int:
    """Test images whose pixels also occur in train (leakage, reported with the data)."""
    known = {image.tobytes() for image in train}
    return sum(image.tobytes() in known for image in test)
