"""Your own arrays: one .npz file with x_train, y_train, x_test, y_test and optionally label_names."""

import zipfile
from pathlib import Path

import numpy as np

from maskbank.data.raw import Raw
from maskbank.errors import InputError

KEYS = ("x_train", "y_train", "x_test", "y_test")


def load(path: Path | None, size: int | None) -> Raw:
    """Images uint8 [N, H, W] or [N, H, W, C]; labels integers. Nothing is unpickled."""
    if path is None:
        raise InputError("data.path = null: the source npz needs a file; set data.path to your .npz")
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [key for key in KEYS if key not in file]
            if missing:
                raise InputError(f"{path}: no array {missing[0]!r}; expected {', '.join(KEYS)} (and label_names)")
            arrays = {key: file[key] for key in KEYS}
            names = [str(name) for name in file["label_names"]] if "label_names" in file else []
    except FileNotFoundError:
        raise InputError(f"data.path = {path}: no such file") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a readable .npz file ({str(error).splitlines()[0]})") from None
    for part in ("train", "test"):
        if arrays[f"x_{part}"].ndim == 3:
            arrays[f"x_{part}"] = arrays[f"x_{part}"][..., None]
    labels = [arrays["y_train"].astype(np.int64).reshape(-1), arrays["y_test"].astype(np.int64).reshape(-1)]
    names = names or [str(label) for label in range(int(max(label.max(initial=0) for label in labels)) + 1)]
    return Raw(arrays["x_train"], labels[0], arrays["x_test"], labels[1], names)
