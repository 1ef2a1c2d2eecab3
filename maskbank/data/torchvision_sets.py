"""Data sets that torchvision downloads and checks (its own MD5 sums)."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from maskbank.data.raw import Raw
from maskbank.errors import InputError

DOWNLOADS = Path(".maskbank/downloads")


def load_set(factory: Callable[..., Any], path: Path | None, name: str) -> Raw:
    """Load from `path` where given (never downloaded to), else from the download folder, fetching once."""
    root = path or DOWNLOADS / name
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            train, test = (factory(str(root), train=part, download=path is None) for part in (True, False))
    except Exception as error:  # torchvision raises many types here: URLError, RuntimeError, tarfile and zip errors
        what = f"data.path = {root}" if path else f"data.source = {name}"
        hint = "put the files of torchvision there" if path else "no network? set data.path to a folder that has it"
        raise InputError(f"{what}: not found or corrupt ({str(error).splitlines()[0]}); {hint}") from None
    return Raw(
        np.asarray(train.data), np.asarray(train.targets, np.int64), np.asarray(test.data), np.asarray(test.targets, np.int64),
        list(train.classes),
    )  # fmt: skip
