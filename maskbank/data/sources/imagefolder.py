"""Your own image files: PATH/train/CLASS/*.png and PATH/test/CLASS/*.png (any format that Pillow reads)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from maskbank.data.raw import Raw
from maskbank.errors import InputError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff"}


def load(path: Path | None, size: int | None) -> Raw:
    """Images become RGB of `size` pixels a side (default: that of the first image, which must be square)."""
    if path is None or not (path / "train").is_dir() or not (path / "test").is_dir():
        raise InputError(f"data.path = {path}: expected a folder with train/CLASS/* and test/CLASS/*")
    names = sorted(folder.name for folder in (path / "train").iterdir() if folder.is_dir())
    if not names:
        raise InputError(f"{path / 'train'}: no class folders; expected train/CLASS/*")
    train_x, train_y, size = read_part(path / "train", names, size)
    test_x, test_y, _ = read_part(path / "test", names, size)
    return Raw(train_x, train_y, test_x, test_y, names)


def read_part(folder: Path, names: list[str], size: int | None) -> tuple[NDArray[np.uint8], NDArray[np.int64], int]:
    images, labels = [], []
    for label, name in enumerate(names):
        files = sorted(file for file in (folder / name).glob("*") if file.suffix.lower() in SUFFIXES)
        if not files:
            raise InputError(f"{folder / name}: no images; expected files ending in {', '.join(sorted(SUFFIXES))}")
        for file in files:
            try:
                with Image.open(file) as image:
                    size = size or image.width
                    images.append(np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)))
            except (UnidentifiedImageError, OSError):
                raise InputError(f"{file}: not a readable image; remove or replace it") from None
            labels.append(label)
    return np.stack(images), np.asarray(labels, dtype=np.int64), size or 0
