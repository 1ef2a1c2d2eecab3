"""Packs: immutable files of entries, safetensors named by the SHA-256 of their content, memory-mapped when read.

Entries lie in ascending order of their ids. What has one row an entry is an array; what has one row a class is an
array over the classes of all entries, those of entry i at `offsets[i]` to `offsets[i + 1]`. Rows of heads and
prototypes are stored once each, ascending by their hash, and referred to by number.
"""

import hashlib
import json
import mmap
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskbank.bank.identity import Identity
from maskbank.bank.record import Record, row_id
from maskbank.errors import InputError
from maskbank.files import write_blocks

SUFFIX = ".safetensors"
TYPES = {"F64": np.float64, "I64": np.int64, "F32": np.float32, "I32": np.int32, "U8": np.uint8}
LAYOUT: dict[str, tuple[str, tuple[str | int, ...]]] = {
    "accuracy": ("F64", ("entries",)),
    "offsets": ("I64", ("bounds",)),
    "text_offsets": ("I64", ("bounds",)),
    "soft": ("F32", ("entries", "units")),
    "bias": ("F32", ("labels",)),
    "head_rows": ("F32", ("heads", "features")),
    "prototype_rows": ("F32", ("prototypes", "features")),
    "dataset": ("I32", ("entries",)),
    "classes": ("I32", ("labels",)),
    "head_index": ("I32", ("labels",)),
    "prototype_index": ("I32", ("labels",)),
    "ids": ("U8", ("entries", 16)),
    "head_ids": ("U8", ("heads", 16)),
    "prototype_ids": ("U8", ("prototypes", 16)),
    "mask": ("U8", ("entries", "bytes")),
    "text": ("U8", ("characters",)),
}  # widest numbers first, so that every array is aligned


@dataclass(frozen=True)
class Pack:
    """Arrays as in `LAYOUT`; `dataset` numbers `datasets`. `path` is None where it is not in a file yet."""

    arrays: Mapping[str, NDArray[Any]]
    datasets: tuple[str, ...]
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.arrays["ids"])

    def record(self, identity: Identity, place: int) -> Record:
        """One entry, its arrays still in the file where they can be."""
        arrays = self.arrays
        of = slice(*arrays["offsets"][place : place + 2])
        return Record(
            identity=identity.hash,
            dataset=self.datasets[arrays["dataset"][place]],
            accuracy=float(arrays["accuracy"][place]),
            classes=arrays["classes"][of].astype(np.int64),
            mask=arrays["mask"][place],
            soft=arrays["soft"][place],
            head=arrays["head_rows"][arrays["head_index"][of]],
            bias=arrays["bias"][of],
            prototype=arrays["prototype_rows"][arrays["prototype_index"][of]],
            text=self.text(place),
        )

    def text(self, place: int) -> bytes:
        return self.arrays["text"][slice(*self.arrays["text_offsets"][place : place + 2])].tobytes()


def pack_of(record: Record) -> Pack:
    """A pack of one entry, in memory; its rows are not in order yet."""
    ways = len(record.classes)
    arrays: dict[str, NDArray[Any]] = {
        "accuracy": np.array([record.accuracy]),
        "offsets": np.array([0, ways]),
        "text_offsets": np.array([0, len(record.text)]),
        "soft": record.soft[None],
        "bias": record.bias,
        "head_rows": record.head,
        "prototype_rows": record.prototype,
        "dataset": np.zeros(1, np.int32),
        "classes": record.classes,
        "head_index": np.arange(ways),
        "prototype_index": np.arange(ways),
        "ids": np.frombuffer(record.id, np.uint8)[None],
        "head_ids": ids_of(record.head),
        "prototype_ids": ids_of(record.prototype),
        "mask": record.mask[None],
        "text": np.frombuffer(record.text, np.uint8),
    }
    return Pack(arrays, (record.dataset,))


def ids_of(rows: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(map(row_id, rows)), np.uint8).reshape(-1, 16)


@dataclass(frozen=True)
class Column:
    """An array to write, given in blocks of rows, so that it need not fit in memory."""

    shape: tuple[int, ...]
    blocks: Iterable[NDArray[Any]]


def write_pack(folder: Path, identity: Identity, columns: Mapping[str, Column], datasets: Iterable[str]) -> Path:
    """Write a pack under its content's name; readers see all of it or nothing."""
    header: dict[str, Any] = {
        "__metadata__": {"format": "maskbank pack 1", "identity": identity.hash, "datasets": json.dumps(list(datasets))}
    }
    end = 0
    for name, (kind, _) in LAYOUT.items():
        start, shape = end, columns[name].shape
        end += int(np.prod(shape)) * np.dtype(TYPES[kind]).itemsize
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [start, end]}
    said = json.dumps(header, separators=(",", ":")).encode()
    said += b" " * (-len(said) % 8)
    digest = hashlib.sha256()

    def counted() -> Iterator[Any]:
        for block in content(said, columns):
            digest.update(block)
            yield block

    return write_blocks(folder, counted(), lambda: f"{digest.hexdigest()}{SUFFIX}")


def content(header: bytes, columns: Mapping[str, Column]) -> Iterator[Any]:
    """The bytes of a pack, in pieces."""
    yield len(header).to_bytes(8, "little") + header
    for name, (kind, _) in LAYOUT.items():
        for block in columns[name].blocks:
            yield np.ascontiguousarray(block, TYPES[kind]).data.cast("B") if block.size else b""


def open_pack(path: Path, identity: Identity) -> Pack:
    """Map a pack; one that is torn, has another layout or is of another model is an InputError that names it.

    What is changed in place, without a change of length, shows in the checksum alone: see `checksum_holds`.
    """
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            file = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); restore it from a copy of the bank") from None
    start = 8 + int.from_bytes(file[:8], "little")
    try:
        header: dict[str, Any] = json.loads(file[8:start])
        about = header.pop("__metadata__")
        torn = size != start + max(spec["data_offsets"][1] for spec in header.values())
        datasets = tuple(json.loads(about["datasets"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        torn = True
    if torn:
        raise InputError(
            f"{path}: torn or not a pack ({size} bytes); restore it, or remove it and add its entries again"
        )
    if about.get("identity") != identity.hash:
        raise InputError(f"{path}: a pack of another bank; remove it from this folder")
    try:
        arrays = {name: array_of(np.frombuffer(file, np.uint8), start, name, header[name]) for name in LAYOUT}
        check_sizes(arrays, identity)
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"{path}: not a pack of this format ({error}); restore it from a copy of the bank") from None
    return Pack(arrays, datasets, path)


def array_of(raw: NDArray[np.uint8], start: int, name: str, spec: dict[str, Any]) -> NDArray[Any]:
    if spec["dtype"] != LAYOUT[name][0]:
        raise ValueError(f"{name} is {spec['dtype']}")
    first, last = spec["data_offsets"]
    return raw[start + first : start + last].view(TYPES[spec["dtype"]]).reshape(spec["shape"])


def check_sizes(arrays: Mapping[str, NDArray[Any]], identity: Identity) -> None:
    """Raises ValueError where dimensions of one name differ."""
    entries = len(arrays["ids"])
    known: dict[str | int, int] = {
        "entries": entries, "bounds": entries + 1, "units": identity.units, "bytes": -(-identity.units // 8),
        "features": identity.features, "labels": int(arrays["offsets"][-1]), "characters": int(arrays["text_offsets"][-1]),
    }  # fmt: skip
    for name, (_, dims) in LAYOUT.items():
        shape = tuple(
            dim if isinstance(dim, int) else known.setdefault(dim, size)
            for dim, size in zip(dims, arrays[name].shape, strict=True)
        )
        if shape != arrays[name].shape or not entries:
            raise ValueError(f"{name} has shape {list(arrays[name].shape)}, expected {list(shape)}")


def checksum_holds(path: Path) -> bool:
    """Whether a pack's content is what its name says."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == path.stem


def altered_entries(pack: Pack, identity: Identity) -> list[str]:
    """Ids of entries whose content is not what they say."""
    wrong = []
    for place in range(len(pack)):
        said = pack.arrays["ids"][place].tobytes()
        try:
            holds = pack.record(identity, place).id == said
        except Exception:  # whatever altered numbers may lead to
            holds = False
        if not holds:
            wrong.append(said.hex())
    return wrong
