"""Pretraining against a bare loop: `python benchmarks/throughput.py [--steps 240]`.

Both train the default profile's ResNet on batches of 64, one thread, CPU-seconds, in turns. The bare loop is forward,
backward and step on one random batch in memory. Ours is a whole cell of the stage pretrain: reading the data set from
disk, drawing, augmentation, normalisation, schedule, curve, and the evaluation on train, validation and test images.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from maskbank.cells.engine import Runtime
from maskbank.cells.spec import Cell, Input
from maskbank.data.dataset import open_dataset
from maskbank.files import hash_file, write_json
from maskbank.models.checkpoint import Architecture
from maskbank.stages.pretrain import PretrainSpec, run

BATCH, REPEATS, SIZE, CLASSES = 64, 3, 20, 10
IMAGES = {"train": 40000, "validation": 2000, "test": 2000}
OPTIONS = {"width": 16, "stem_stride": 2}


def prepare(folder: Path) -> Input:
    """A data set of random images with the sizes of the default profile."""
    generator = torch.Generator().manual_seed(0)
    arrays = {}
    for part, count in IMAGES.items():
        shape = (count, SIZE, SIZE, 1)
        arrays[f"{part}_x"] = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        arrays[f"{part}_y"], arrays[f"{part}_ids"] = torch.arange(count) % CLASSES, torch.arange(count)
    save_file(arrays, folder / "images.safetensors")
    about = {"names": [str(label) for label in range(CLASSES)], "mean": [0.5], "std": [0.3]}
    write_json(folder / "data.json", about)
    return Input(str(folder), hash_file(folder / "images.safetensors"))


def ours(data: Input, steps: int) -> None:
    open_dataset.cache_clear()
    spec = PretrainSpec(
        backbone="resnet20", recipe="adam", classes=tuple(range(CLASSES)), options=OPTIONS, steps=steps, batch=BATCH,
        lr=0.003, crop=2, flip=True, train_images=1000,
    )  # fmt: skip
    run(Cell(spec, {"data": data}), Runtime())


def bare(steps: int) -> None:
    model = Architecture("resnet20", CLASSES, 1, SIZE, OPTIONS).build()
    x = torch.randn(BATCH, 1, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    y, optimizer = torch.arange(BATCH) % CLASSES, torch.optim.Adam(model.parameters())
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def cpu_seconds(action: Callable[[], None]) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--steps", type=int, default=240, help="steps of each run (default: those of the default profile)"
    )
    steps = parser.parse_args().steps
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = prepare(Path(folder))
        ours(data, 5)
        pairs = [(cpu_seconds(lambda: bare(steps)), cpu_seconds(lambda: ours(data, steps))) for _ in range(REPEATS)]
    ratios = [plain / full for plain, full in pairs]
    images = steps * BATCH / statistics.median(full for _, full in pairs)
    print(
        f"pretraining: {statistics.median(ratios):.2f} of the bare loop's throughput ({min(ratios):.2f} to {max(ratios):.2f})"
    )
    print(f"{images:.0f} images a CPU-second, {REPEATS} pairs of {steps} steps of {BATCH}, one thread")


if __name__ == "__main__":
    main()
