"""Pretraining against a bare loop: `python benchmarks/throughput.py`.

Both train the default profile's ResNet on 64 images a step, one thread, in turns. The bare loop is forward, backward
and step on one random batch in memory; ours adds drawing, augmentation, normalisation, schedule and curve.
"""

import statistics
import time
from collections.abc import Callable

import torch
from torch.nn import functional as F

from maskbank.data.batches import training_batches
from maskbank.data.dataset import DataSet
from maskbank.models.checkpoint import Architecture
from maskbank.training.loop import Curve, train, warmup_cosine

STEPS, BATCH, REPEATS, SIZE = 30, 64, 5, 20
ARCHITECTURE = Architecture("resnet20", 10, 1, SIZE, {"width": 16, "stem_stride": 2})


def random_data() -> DataSet:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (4000, SIZE, SIZE, 1), generator=generator, dtype=torch.uint8)
    arrays = {"train_x": x, "train_y": torch.arange(4000) % 10, "train_ids": torch.arange(4000)}
    return DataSet([str(label) for label in range(10)], torch.tensor([0.5]), torch.tensor([0.3]), arrays)


def ours(data: DataSet) -> None:
    model, generator = ARCHITECTURE.build(), torch.Generator().manual_seed(0)
    examples = data.examples("train", tuple(range(10)))
    batches = training_batches(data, examples, BATCH, STEPS, generator, crop=2, flip=True)
    optimizer = torch.optim.Adam(model.parameters())
    train(model, batches, optimizer, scheduler=warmup_cosine(optimizer, STEPS), on_loss=Curve(STEPS, 10))


def bare(data: DataSet) -> None:
    model = ARCHITECTURE.build()
    x = torch.randn(BATCH, 1, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    y, optimizer = torch.arange(BATCH) % 10, torch.optim.Adam(model.parameters())
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def cpu_seconds(action: Callable[[DataSet], None], data: DataSet) -> float:
    started = time.process_time()
    action(data)
    return time.process_time() - started


def main() -> None:
    torch.set_num_threads(1)
    data = random_data()
    pairs = [(cpu_seconds(bare, data), cpu_seconds(ours, data)) for _ in range(REPEATS + 1)][1:]
    ratios = [plain / full for plain, full in pairs]
    images = STEPS * BATCH / statistics.median(full for _, full in pairs)
    print(
        f"pretraining: {statistics.median(ratios):.2f} of the bare loop's throughput ({min(ratios):.2f} to {max(ratios):.2f})"
    )
    print(f"{images:.0f} images a CPU-second, {REPEATS} pairs of {STEPS} steps of {BATCH}, one thread")


if __name__ == "__main__":
    main()
