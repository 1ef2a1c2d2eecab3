"""Preparing: parts that do not overlap, sources of one's own, checksums, images that are too few."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskbank.config import Data, Params
from maskbank.data.dataset import TestSet as HeldOut
from maskbank.data.dataset import open_dataset
from maskbank.data.prepare import part_arrays, prepare
from maskbank.data.prepared import prepared_hash
from maskbank.data.raw import Raw
from maskbank.data.sources import fashion_mnist, imagefolder, npz
from maskbank.data.tasks import read_splits
from maskbank.errors import InputError
from maskbank.registry import SOURCES

DIGITS = {"data": {"source": "digits", "validation_per_class": 20}, "tasks": {"given_targets": []}}


def raw(per_class: int = 10) -> Raw:
    """Images whose pixels are their own number."""
    y = np.repeat(np.arange(3), per_class)
    x = np.arange(len(y), dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    return Raw(x, y, x + 100, y, ["a", "b", "c"])


def test_parts_do_not_overlap_and_have_the_sizes_asked() -> None:
    arrays = part_arrays(raw(), Data(train_per_class=5, validation_per_class=3, test_per_class=4))
    assert [len(arrays[f"{part}_y"]) for part in ("train", "validation", "test")] == [15, 9, 12]
    assert not set(arrays["train_ids"]) & set(arrays["validation_ids"])
    for part in ("train", "validation"):
        assert (arrays[f"{part}_x"][:, 0, 0, 0] == arrays[f"{part}_ids"]).all(), "ids point at the source's images"
        assert np.bincount(arrays[f"{part}_y"]).min() == np.bincount(arrays[f"{part}_y"]).max()


def test_too_few_images_are_named() -> None:
    with pytest.raises(InputError, match=r"class 'a' has 10 training images; .* ask for 12"):
        part_arrays(raw(), Data(train_per_class=9, validation_per_class=3))
    with pytest.raises(InputError, match=r"data\.test_per_class = 11: class 'a' has 10 test images"):
        part_arrays(raw(), Data(validation_per_class=3, test_per_class=11))


def test_digits_come_back_as_prepared(tmp_path: Path) -> None:
    prepare(Params.model_validate(DIGITS), tmp_path)
    first = (tmp_path / "images.safetensors").read_bytes()
    prepare(Params.model_validate(DIGITS), tmp_path)
    assert (tmp_path / "images.safetensors").read_bytes() == first
    data = open_dataset(tmp_path, prepared_hash(tmp_path))
    assert data.image_shape == (1, 8)
    assert len(read_splits(tmp_path)) == 8
    some = data.examples("train", (7, 2), per_class=5)
    assert sorted(some.y.tolist()) == [0] * 5 + [1] * 5
    assert (
        data.arrays["train_y"][[data.arrays["train_ids"].tolist().index(i) for i in some.ids.tolist()]] == 7
    ).sum() == 5
    pixels = data.normalise(data.arrays["train_x"].permute(0, 3, 1, 2))
    assert abs(float(pixels.mean())) < 1e-3
    assert abs(float(pixels.std()) - 1) < 1e-3


def test_test_images_are_counted(tmp_path: Path) -> None:
    prepare(Params.model_validate(DIGITS), tmp_path)
    data = open_dataset(tmp_path, prepared_hash(tmp_path))
    with pytest.raises(ValueError, match="train and validation alone"):
        data.examples("test", (0, 1))
    held = HeldOut(data, (0, 1))
    held.read(0)
    held.read(10)
    held.read(10)
    assert held.metrics() == [(0, "test_reads", "none", 1.0), (10, "test_reads", "none", 2.0)]


def test_altered_data_is_named(tmp_path: Path) -> None:
    prepare(Params.model_validate(DIGITS), tmp_path)
    path = tmp_path / "images.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="altered since it was prepared"):
        open_dataset(tmp_path / ".", prepared_hash(tmp_path))


def test_own_arrays(tmp_path: Path) -> None:
    path, given = tmp_path / "mine.npz", raw()
    arrays = {
        "x_train": given.train_x[..., 0],
        "y_train": given.train_y,
        "x_test": given.test_x,
        "y_test": given.test_y,
    }
    np.savez(path, **arrays)
    assert npz.load(path, None).train_x.shape == (30, 4, 4, 1)
    np.savez(path, **{name: value for name, value in arrays.items() if name != "y_test"})
    with pytest.raises(InputError, match="no array 'y_test'"):
        npz.load(path, None)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match=r"not a readable \.npz file"):
        npz.load(path, None)
    with pytest.raises(InputError, match="no such file"):
        npz.load(tmp_path / "none.npz", None)
    np.savez(path, **(arrays | {"x_train": given.train_x.astype(float)}))
    with pytest.raises(InputError, match=r"x_train is float64 .*; expected uint8 \[N, H, W, C\]"):
        npz.load(path, None).check("mine")


def test_own_images(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label, name in enumerate(("cat", "dog")):
            (tmp_path / part / name).mkdir(parents=True)
            Image.new("L", (6, 6), color=100 * label).save(tmp_path / part / name / "one.png")
    loaded = imagefolder.load(tmp_path, None).check("mine")
    assert loaded.train_x.shape == (2, 6, 6, 3)
    assert loaded.names == ["cat", "dog"]
    (tmp_path / "train/cat/one.png").write_text("no image")
    with pytest.raises(InputError, match=r"one\.png: not a readable image"):
        imagefolder.load(tmp_path, None)
    with pytest.raises(InputError, match=r"expected a folder with train/CLASS"):
        imagefolder.load(tmp_path / "train", None)


def test_fashion_mnist_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "DOWNLOADS", tmp_path / "downloads")
    with pytest.raises(InputError, match="no such file"):
        fashion_mnist.load(tmp_path, None)
    for name in fashion_mnist.SHA256:
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(b"something else"))
    with pytest.raises(InputError, match="SHA-256 is not Fashion-MNIST's"):
        fashion_mnist.load(tmp_path, None)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"torn")
    with pytest.raises(InputError, match="corrupt"):
        fashion_mnist.load(tmp_path, None)


def test_idx_format(tmp_path: Path) -> None:
    path = tmp_path / "idx"
    path.write_bytes(bytes([0, 0, 8, 2]) + np.array([2, 3], ">i4").tobytes() + bytes(range(6)))
    assert fashion_mnist.read_idx(path).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("name", SOURCES.names())
def test_every_source_refuses_a_missing_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if name == "digits":
        assert SOURCES.module(name).load(None, None).check(name).names == [str(digit) for digit in range(10)]
    else:
        with pytest.raises(InputError):
            SOURCES.module(name).load(tmp_path / "nowhere", None)
