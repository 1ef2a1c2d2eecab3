"""What bfloat16 costs in accuracy: `python benchmarks/precision.py DATA [--backbone vit] [--steps 240] [--seeds 5]`.

Models pretrained by Adam in float32 and under bfloat16 autocast with float32 master weights (engine.precision), the same
seeds and batches, from the prepared data set in DATA (data/prepared). Prints the accuracy on validation images, the
mean difference with a 95 % t-interval over seeds, and the ratio of CPU-seconds; on a processor without native bfloat16
that ratio says nothing about others.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from scipy import stats

from maskbank.cells.engine import Runtime
from maskbank.cells.spec import Cell, Input
from maskbank.data.dataset import open_dataset
from maskbank.data.prepared import prepared_hash
from maskbank.stages.pretrain import PretrainSpec, run

OPTIONS = {
    "resnet20": {"width": 16, "stem_stride": 2},
    "vit": {"dim": 48, "depth": 4, "heads": 3, "patch": 5},
}


def trained(cell: Cell[PretrainSpec], precision: str) -> tuple[float, float]:
    """Validation accuracy and CPU-seconds."""
    started = time.process_time()
    result = run(cell, Runtime(precision))
    accuracy = next(value for _, name, _, value in result.metrics if name == "validation_accuracy")
    return accuracy, time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a prepared data set, such as data/prepared")
    parser.add_argument("--backbone", choices=OPTIONS, default="vit")
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = Input(str(given.data), prepared_hash(given.data))
    classes = tuple(range(len(open_dataset(given.data, data.hash).names)))
    differences, ratios = [], []
    for seed in range(given.seeds):
        spec = PretrainSpec(
            backbone=given.backbone, recipe="adam", seed=seed, classes=classes, options=OPTIONS[given.backbone],
            steps=given.steps, batch=64, lr=0.003, crop=2, flip=True, train_images=200,
        )  # fmt: skip
        (full, seconds), (half, half_seconds) = (
            trained(Cell(spec, {"data": data}), precision) for precision in ("float32", "bfloat16")
        )
        differences.append(100 * (half - full))
        ratios.append(half_seconds / seconds)
        print(f"seed {seed}: float32 {100 * full:.2f} %, bfloat16 {100 * half:.2f} %", flush=True)
    half_width = stats.t.ppf(0.975, given.seeds - 1) * statistics.stdev(differences) / given.seeds**0.5
    print(
        f"{given.backbone}, {given.steps} steps, {given.seeds} seeds: bfloat16 minus float32 "
        f"{statistics.mean(differences):+.2f} points (95 % interval ± {half_width:.2f}); "
        f"CPU-seconds {statistics.median(ratios):.1f} times those of float32 here"
    )


if __name__ == "__main__":
    main()
