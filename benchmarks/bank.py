"""The mask bank's shortlist and one-shot extraction: `python benchmarks/bank.py [--entries 1000 10000 ...]`.

Entries are synthetic: 5-way tasks of 100 classes, 1000 units, 512 features, random masks that keep 10 %, random ids;
none of them was learned. Shortlist: what a target costs once the bank is open, `free` and the 24 nearest by prototype
cosine. The first query, which also reads the prototypes for their centre, stands apart. Worst case: no two entries
have a prototype in common. Extraction: timm's ResNet-18 with 100 classes, 10 % of its units: the sum of 8 masks,
removal order, selection, slicing; the model is traced once for all tasks, off the clock.

Medians, one thread, each row in a process of its own. Memory is by how much the process grew: its own (anonymous), and
pages of the file, which the system takes back when it needs them.
"""

import argparse
import math
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray

from maskbank.bank.pack import Column, write_pack
from maskbank.bank.store import Identity, add, open_bank
from maskbank.measures.cost import trace_cost
from maskbank.models.surgery import slice_units
from maskbank.pruning.allocation import removal_order
from maskbank.pruning.budget import select

WAYS, FEATURES, CLASSES, KEPT, NEAREST, SUMMED = 5, 512, 100, 0.1, 24, 8
LAYERS = (("a", "channel", 250), ("b", "channel", 250), ("c", "channel", 500))
BLOCK, REPEATS = 10_000, 20


@dataclass(frozen=True)
class Row:
    """Wall and CPU in seconds, memory in MiB."""

    name: str
    opening: float
    first: float
    wall: float
    cpu: float
    own: float
    pages: float


def blocks(rows: int, make: Callable[[int], NDArray[Any]]) -> Iterator[NDArray[Any]]:
    for start in range(0, rows, BLOCK):
        yield make(min(BLOCK, rows - start))


def ascending_ids(generator: np.random.Generator, count: int) -> Column:
    ids = generator.integers(0, 256, (count, 16), dtype=np.uint8)
    ids[:, :8] = np.sort(ids[:, :8].copy().view(">u8"), axis=0).view(np.uint8)
    return Column(ids.shape, [ids])


def write_synthetic(folder: Path, identity: Identity, entries: int, shared: bool) -> None:
    """One pack, written a block at a time; `shared`: prototypes of 100 classes, else one for each class of each entry."""
    generator = np.random.default_rng(0)
    add(folder, identity, [])
    labels, units = entries * WAYS, identity.units
    classes = np.argpartition(generator.random((entries, CLASSES), dtype=np.float32), WAYS)[:, :WAYS].ravel()
    masks = np.packbits(generator.random((BLOCK, units)) < KEPT, axis=1)
    soft = generator.random((BLOCK, units), dtype=np.float32)
    own = classes if shared else np.arange(labels)
    prototypes = CLASSES if shared else labels
    text = np.frombuffer(b'{"about":{"maker":"synthetic"},"task":"t"}', np.uint8)

    def column(array: NDArray[Any]) -> Column:
        return Column(array.shape, [array])

    def rows(count: int) -> NDArray[np.float32]:
        return np.maximum(generator.standard_normal((count, FEATURES), dtype=np.float32) + 0.5, 0)

    columns = {
        "accuracy": column(generator.random(entries)),
        "offsets": column(np.arange(entries + 1) * WAYS),
        "text_offsets": column(np.arange(entries + 1) * len(text)),
        "soft": Column((entries, units), blocks(entries, lambda count: soft[:count])),
        "bias": column(np.zeros(labels, np.float32)),
        "head_rows": column(rows(CLASSES)),
        "prototype_rows": Column((prototypes, FEATURES), blocks(prototypes, rows)),
        "dataset": column(np.zeros(entries, np.int32)),
        "classes": column(classes),
        "head_index": column(classes),
        "prototype_index": column(own),
        "ids": ascending_ids(generator, entries),
        "head_ids": ascending_ids(generator, CLASSES),
        "prototype_ids": ascending_ids(generator, prototypes),
        "mask": Column((entries, masks.shape[1]), blocks(entries, lambda count: masks[:count])),
        "text": Column((entries * len(text),), blocks(entries, lambda count: np.tile(text, count))),
    }
    write_pack(folder, identity, columns, ["synthetic"])


def memory() -> tuple[float, float]:
    """Resident MiB: anonymous, and of files."""
    said = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(said["RssAnon"].split()[0]) / 1024, int(said["RssFile"].split()[0]) / 1024


def timed(action: Callable[[], Any]) -> tuple[float, float]:
    """Wall and CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - wall, time.process_time() - cpu


def shortlist(name: str, folder: Path) -> Row:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(1)

    def target() -> tuple[torch.Tensor, list[int]]:
        prototypes = (torch.randn(WAYS, FEATURES, generator=generator) + 0.5).clamp_min(0)
        return prototypes, torch.randperm(CLASSES, generator=generator)[:WAYS].tolist()

    def ask(prototypes: torch.Tensor, classes: list[int]) -> None:
        found, _ = bank.nearest(prototypes, bank.free("synthetic", classes), NEAREST)
        if len(found) != NEAREST:
            raise AssertionError(f"{len(found)} neighbours")

    torch.ones(8, 8) @ torch.ones(8, 8)  # libraries loaded off the count
    own, pages = memory()
    started = time.perf_counter()
    bank = open_bank(folder)
    opening = time.perf_counter() - started
    first, _ = timed(lambda: ask(*target()))
    targets = [target() for _ in range(REPEATS)]
    spent = [timed(lambda given=given: ask(*given)) for given in targets]
    wall, cpu = (statistics.median(column) for column in zip(*spent, strict=True))
    now_own, now_pages = memory()
    return Row(name, opening, first, wall, cpu, now_own - own, now_pages - pages)


def extraction(folder: Path) -> tuple[float, float, str]:
    """Median wall and CPU of one sub-network of ResNet-18, and what it keeps."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = timm.create_model("resnet18", pretrained=False, num_classes=CLASSES).eval()
    cost = trace_cost(model, (3, 64))
    layers = list(cost.layers)
    identity = Identity("resnet18", "none", tuple((each.name, each.kind, each.count) for each in layers), FEATURES)
    write_synthetic(folder, identity, 1000, shared=True)
    bank, generator = open_bank(folder), np.random.default_rng(2)
    kept: dict[str, torch.Tensor] = {}

    def extract() -> None:
        chosen = generator.choice(len(bank), SUMMED, replace=False)
        scores = bank.split(bank.mask_sum(chosen))
        kept.update(select(removal_order(scores, cost, "global"), cost, "units", KEPT))
        slice_units(model, layers, kept)

    spent = [timed(extract) for _ in range(REPEATS + 1)][1:]
    wall, cpu = (statistics.median(column) for column in zip(*spent, strict=True))
    units = f"{sum(map(len, kept.values()))} of {identity.units} units"
    return wall, cpu, units


def main() -> None:
    parser = argparse.ArgumentParser(description="The mask bank: shortlist and extraction, on synthetic entries")
    parser.add_argument("--entries", nargs="+", type=int, default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--worst", type=int, default=100_000, help="entries of the worst case; 0 leaves it out")
    options = parser.parse_args()
    cases = [(f"{count:,}", count, True) for count in options.entries]
    cases += [(f"{options.worst:,} worst case", options.worst, False)] if options.worst else []
    identity = Identity("synthetic", "none", LAYERS, FEATURES)
    print(f"{'entries':<22}{'open ms':>9}{'first ms':>10}{'wall ms':>9}{'CPU ms':>8}{'own MiB':>9}{'pages MiB':>11}")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        for name, count, shared in cases:
            with tempfile.TemporaryDirectory() as folder:
                write_synthetic(Path(folder), identity, count, shared)
                row = pool.submit(shortlist, name, Path(folder)).result()
            times = f"{1e3 * row.opening:>9.1f}{1e3 * row.first:>10.1f}{1e3 * row.wall:>9.1f}{1e3 * row.cpu:>8.1f}"
            print(f"{row.name:<22}{times}{row.own:>9.0f}{math.ceil(row.pages):>11}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            wall, cpu, kept = pool.submit(extraction, Path(folder)).result()
    print(f"extraction of a ResNet-18 ({kept}): {1e3 * wall:.1f} ms wall, {1e3 * cpu:.1f} ms CPU")


if __name__ == "__main__":
    main()
