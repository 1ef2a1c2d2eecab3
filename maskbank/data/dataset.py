"""The prepared data set in memory, as bytes; batches become normalised floats when asked for."""

import functools
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from maskbank.errors import InputError
from maskbank.files import hash_file, read_json

Classes = tuple[int, ...]


@dataclass(frozen=True)
class Examples:
    """`x` [N, C, H, W] uint8 (channels last in memory), `y` [N] int64 in 0..ways-1, `ids` [N]."""

    x: Tensor
    y: Tensor
    ids: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def take(self, index: Tensor) -> "Examples":
        return Examples(self.x[index], self.y[index], self.ids[index])


@dataclass(frozen=True)
class DataSet:
    names: list[str]
    mean: Tensor  # [C]
    std: Tensor  # [C]
    arrays: dict[str, Tensor]

    @property
    def image_shape(self) -> tuple[int, int]:
        """Channels and pixels a side."""
        return int(self.arrays["train_x"].shape[3]), int(self.arrays["train_x"].shape[1])

    @property
    def blank(self) -> Tensor:
        """An image [1, C, H, W] of zeros."""
        channels, size = self.image_shape
        return torch.zeros(1, channels, size, size)

    def examples(self, part: str, classes: Classes, per_class: int | None = None) -> Examples:
        """Examples of `train` or `validation`; those of `test` are read through a `TestSet`, which counts."""
        if part not in ("train", "validation"):
            raise ValueError(f"part {part!r}: choices are made on train and validation alone")
        return self._examples(part, classes, per_class)

    def _examples(self, part: str, classes: Classes, per_class: int | None = None) -> Examples:
        """Examples of these classes, relabelled 0..len(classes)-1 in the order given; the first `per_class` of each."""
        y = self.arrays[f"{part}_y"]
        picks = [torch.nonzero(y == label).flatten()[:per_class] for label in classes]
        relabelled = torch.cat([torch.full((len(pick),), new) for new, pick in enumerate(picks)])
        index, order = torch.cat(picks).sort()
        x = self.arrays[f"{part}_x"][index].permute(0, 3, 1, 2)
        return Examples(x, relabelled[order], self.arrays[f"{part}_ids"][index])

    def normalise(self, x: Tensor) -> Tensor:
        """Bytes [B, C, H, W] -> floats of mean 0 and deviation 1 over the training set, channels last."""
        scale, shift = 1 / (255 * self.std), self.mean / self.std
        return x.float().mul_(scale[:, None, None]).sub_(shift[:, None, None])


class TestSet:
    """The test examples of a cell's classes. It counts its reads, so that a record can prove one an evaluation point."""

    def __init__(self, data: DataSet, classes: Classes) -> None:
        self._examples = data._examples("test", classes)
        self._reads: Counter[int] = Counter()

    def read(self, steps: int) -> Examples:
        """The examples, for the evaluation at `steps`."""
        self._reads[steps] += 1
        return self._examples

    def metrics(self) -> list[tuple[int, str, str, float]]:
        """Rows of the metrics table: how often the test split was read for each evaluation point."""
        return [(steps, "test_reads", "none", float(count)) for steps, count in sorted(self._reads.items())]


@functools.lru_cache(maxsize=2)
def open_dataset(folder: Path, expected: str) -> DataSet:
    """Open the prepared data set; a missing, torn or altered file is an InputError that names it."""
    about: dict[str, Any] = read_json(folder / "data.json")
    path = folder / "images.safetensors"
    try:
        if hash_file(path) != expected:
            raise InputError(f"{path}: altered since it was prepared; run `dvc repro prepare`")
        arrays = load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run `dvc repro prepare`") from None
    except (SafetensorError, json.JSONDecodeError):
        raise InputError(f"{path}: not a readable safetensors file; run `dvc repro prepare`") from None
    return DataSet(about["names"], torch.tensor(about["mean"]), torch.tensor(about["std"]), arrays)
