"""The mask bank as transfer reads it: for each bank task its scores, mask, classes and head."""

import functools
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from maskbank.errors import InputError
from maskbank.files import hash_file, read_json


@dataclass(frozen=True)
class Entry:
    """`mask` and `soft` (unthresholded): layer name -> [count]; `head_weight` [ways, D], `head_bias` [ways]."""

    task: str
    classes: tuple[int, ...]
    mask: dict[str, Tensor]
    soft: dict[str, Tensor]
    head_weight: Tensor
    head_bias: Tensor
    accuracy: float


@dataclass(frozen=True)
class Bank:
    """Entries made on one backbone; `dense_hash` names the checkpoint they fit."""

    dense_hash: str
    entries: tuple[Entry, ...]

    def disjoint(self, classes: tuple[int, ...]) -> list[Entry]:
        """Entries that share no class with a target. Raises InputError where there are none."""
        free = [entry for entry in self.entries if not set(entry.classes) & set(classes)]
        if not free:
            raise InputError(
                f"bank: none of {len(self.entries)} entries is class-disjoint with the target {list(classes)}"
            )
        return free


@functools.lru_cache(maxsize=8)
def open_bank(folder: Path, split: str, dense_hash: str) -> Bank:
    """Open one split's bank; refuses one that was made on another checkpoint, is empty, or was altered."""
    about = read_json(folder / f"{split}.json")
    path = folder / f"{split}.safetensors"
    if about["dense_hash"] != dense_hash:
        raise InputError(f"{path}: made on checkpoint {about['dense_hash']}, not on {dense_hash}; run `dvc repro bank`")
    if not about["entries"]:
        raise InputError(f"{path}: the bank is empty; see `maskbank failures` for the prune stage")
    try:
        if hash_file(path) != about["hash"]:
            raise InputError(f"{path}: altered since it was built; run `dvc repro --force bank`")
        tensors = load_file(path)
    except (FileNotFoundError, SafetensorError) as error:
        raise InputError(f"{path}: missing or not readable ({error}); run `dvc repro bank`") from None

    def part(index: int, kind: str) -> dict[str, Tensor]:
        prefix = f"{index}/{kind}/"
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    entries = tuple(
        Entry(
            task=given["task"],
            classes=tuple(given["classes"]),
            mask={name: value.to(torch.float32) for name, value in part(index, "mask").items()},
            soft=part(index, "soft"),
            head_weight=tensors[f"{index}/head/weight"],
            head_bias=tensors[f"{index}/head/bias"],
            accuracy=given["accuracy"],
        )
        for index, given in enumerate(about["entries"])
    )
    return Bank(dense_hash, entries)
