"""Building a bank from the masks that the prune stage left, and saying how good its masks are."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.numpy import save as save_tensors

from maskbank.files import hash_bytes, write_bytes, write_json


def build_bank(
    folder: Path, split: str, dense_hash: str, made: Sequence[tuple[dict[str, Any], Path]]
) -> dict[str, Any]:
    """Write `<split>.safetensors` and `<split>.json`; `made` are entries' descriptions and artifact files.

    Returns the description, which also says how much masks of the bank overlap.
    """
    tensors: dict[str, NDArray[Any]] = {}
    for index, (_, path) in enumerate(made):
        tensors |= {f"{index}/{name}": value for name, value in load_file(path).items()}
    content = save_tensors(tensors)
    about = {
        "split": split,
        "dense_hash": dense_hash,
        "hash": hash_bytes(content),
        "entries": [entry for entry, _ in made],
        "overlap": overlap(tensors, [set(entry["classes"]) for entry, _ in made]),
    }
    write_bytes(folder / f"{split}.safetensors", content)
    write_json(folder / f"{split}.json", about)
    return about


def overlap(tensors: dict[str, NDArray[Any]], classes: list[set[int]]) -> dict[str, float | None]:
    """Mean IoU of pairs of masks by how many classes their tasks share, beside what random masks of the sizes would give."""
    names = [name.removeprefix("0/mask/") for name in tensors if name.startswith("0/mask/")]
    flat = [np.concatenate([tensors[f"{index}/mask/{name}"] for name in names]) for index in range(len(classes))]
    by_shared: dict[str, list[float]] = {}
    chance = []
    for a, b in combinations(range(len(flat)), 2):
        both, either = (flat[a] & flat[b]).sum(), (flat[a] | flat[b]).sum()
        by_shared.setdefault(f"iou_sharing_{len(classes[a] & classes[b])}", []).append(float(both / either))
        expected = flat[a].mean() * flat[b].mean() * len(flat[a])
        chance.append(float(expected / (flat[a].sum() + flat[b].sum() - expected)))
    means: dict[str, float | None] = {name: float(np.mean(values)) for name, values in sorted(by_shared.items())}
    means["iou_random"] = float(np.mean(chance)) if chance else None
    return means
