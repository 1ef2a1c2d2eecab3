"""An entry as the bytes that are stored, checked against the bank's identity; its id is their hash."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskbank.bank.entry import Entry
from maskbank.bank.identity import Identity
from maskbank.errors import InputError
from maskbank.files import canonical_json

ID_BYTES = 16  # of a SHA-256


@dataclass(frozen=True)
class Record:
    """`classes` [ways] int64, `mask` [units / 8] packed bits, `soft` [units], `head` and `prototype` [ways, D], `bias` [ways].

    `text` is JSON of the task's name and `about`.
    """

    identity: str
    dataset: str
    accuracy: float
    classes: NDArray[np.int64]
    mask: NDArray[np.uint8]
    soft: NDArray[np.float32]
    head: NDArray[np.float32]
    bias: NDArray[np.float32]
    prototype: NDArray[np.float32]
    text: bytes

    @cached_property
    def id(self) -> bytes:
        """Hash of every field. The lengths of the arrays follow from what stands before them."""
        plain = [self.identity, self.dataset, self.accuracy, self.classes.tolist(), len(self.text)]
        digest = hashlib.sha256(canonical_json(plain).encode() + b"\n" + self.text)
        for array in (self.mask, self.soft, self.head, self.bias, self.prototype):
            digest.update(np.ascontiguousarray(array).data)
        return digest.digest()[:ID_BYTES]


def row_id(row: NDArray[np.float32]) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(row).data).digest()[:ID_BYTES]


def encode(identity: Identity, entry: Entry) -> Record:
    """Raises InputError, naming the entry and its field, where it does not fit the identity or is not finite."""
    ways, where = len(entry.classes), f"entry {entry.task}"
    if not ways or len(set(entry.classes)) < ways:
        raise InputError(f"{where}: classes = {list(entry.classes)}: expected at least one, each once")
    if not math.isfinite(entry.accuracy):
        raise InputError(f"{where}: accuracy = {entry.accuracy}: expected a finite number")
    try:
        text = canonical_json({"task": entry.task, "about": entry.about}).encode()
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: about is not plain, finite JSON ({error})") from None
    mask = flat(identity, entry.mask, f"{where}: mask")
    if not np.isin(mask, (0, 1)).all():
        raise InputError(f"{where}: mask holds values other than 0 and 1")
    return Record(
        identity=identity.hash,
        dataset=entry.dataset,
        accuracy=float(entry.accuracy),
        classes=np.array(entry.classes, dtype=np.int64),
        mask=np.packbits(mask.astype(bool)),
        soft=flat(identity, entry.soft, f"{where}: soft"),
        head=values(entry.head_weight, (ways, identity.features), f"{where}: head_weight"),
        bias=values(entry.head_bias, (ways,), f"{where}: head_bias"),
        prototype=values(entry.prototypes, (ways, identity.features), f"{where}: prototypes"),
        text=text,
    )


def decode(identity: Identity, record: Record) -> Entry:
    said: dict[str, Any] = json.loads(record.text)
    mask = np.unpackbits(record.mask, count=identity.units).astype(np.float32)
    return Entry(
        task=said["task"],
        dataset=record.dataset,
        classes=tuple(record.classes.tolist()),
        mask=by_layer(identity, mask),
        soft=by_layer(identity, record.soft),
        head_weight=torch.tensor(record.head),
        head_bias=torch.tensor(record.bias),
        prototypes=torch.tensor(record.prototype),
        accuracy=record.accuracy,
        about=said["about"],
    )


def flat(identity: Identity, by_name: Mapping[str, Tensor], what: str) -> NDArray[np.float32]:
    """[units] the layers' values one after another."""
    wrong = sorted(set(by_name) ^ {name for name, _, _ in identity.layers})
    if wrong:
        raise InputError(
            f"{what}: layer {wrong[0]} is {'not of' if wrong[0] in by_name else 'missing, but is of'} the bank"
        )
    parts = [values(by_name[name], (count,), f"{what} of layer {name}") for name, _, count in identity.layers]
    return np.concatenate(parts)


def by_layer(identity: Identity, units: NDArray[Any]) -> dict[str, Tensor]:
    """Copies of [units] values, by layer."""
    ends = np.cumsum([count for _, _, count in identity.layers])
    parts = np.split(units, ends[:-1])
    return {name: torch.tensor(part) for (name, _, _), part in zip(identity.layers, parts, strict=True)}


def values(tensor: Tensor, shape: tuple[int, ...], what: str) -> NDArray[np.float32]:
    array = tensor.detach().cpu().float().numpy()
    if array.shape != shape:
        raise InputError(f"{what}: shape {list(array.shape)}; the bank's entries have {list(shape)}")
    if not np.isfinite(array).all():
        raise InputError(f"{what}: NaN or infinite")
    return array
