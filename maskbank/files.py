"""Files: atomic writes, hashes and JSON, the same everywhere."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from maskbank.errors import InputError


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    write_blocks(path.parent, [content], lambda: path.name)


def write_blocks(folder: Path, blocks: Iterable[Any], name: Callable[[], str]) -> Path:
    """Write bytes that come in pieces; `name` is asked for when all are written. Temporary file, fsync, rename."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".writing-")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); choose a folder you may write") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            for block in blocks:
                stream.write(block)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        path = folder / name()
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def canonical_json(value: Any) -> str:
    """JSON that depends on the value alone: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    write_bytes(path, (json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file; a missing or torn one is an InputError that names it."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run the stage that writes it (`dvc repro`)") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not valid JSON ({error}); delete it and run the stage that writes it") from None


def hash_bytes(content: bytes, digits: int = 16) -> str:
    """First hexadecimal digits of the SHA-256."""
    return hashlib.sha256(content).hexdigest()[:digits]


def hash_json(value: Any, digits: int = 16) -> str:
    return hash_bytes(canonical_json(value).encode(), digits)


def hash_file(path: Path, digits: int = 16) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:digits]
