"""What masks cost a training step: `python benchmarks/sparse.py [--size 64] [--batch 8] [--density 0.1]`.

torchvision's ResNet-18 (11 million weights) with random masks beside the same model without any, random images, Adam, one
thread, CPU-seconds. Rounds of a few steps in turns; the ratio is the median over rounds, with the middle half of them.
"""

import argparse
import statistics
import time

import torch
from torchvision.models import resnet18

from maskbank.pruning.weights import prunable_weights
from maskbank.sparse.masks import Masking
from maskbank.training.loop import train

STEPS, ROUNDS = 2, 15


class Arm:
    """A model under masks of one density (1: none), ready to take steps."""

    def __init__(self, density: float, batch: int, size: int) -> None:
        torch.manual_seed(0)
        self.model = resnet18(num_classes=10).to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3, fused=True)
        weights = prunable_weights(self.model)
        self.masking = Masking(weights, self.optimizer)
        if density < 1:
            self.masking.put({name: torch.rand_like(weight) < density for name, weight in weights.items()})
        x = torch.randn(batch, 3, size, size).contiguous(memory_format=torch.channels_last)
        self.batches = [(x, torch.arange(batch) % 10)] * STEPS

    def seconds(self) -> float:
        started = time.process_time()
        train(self.model, self.batches, self.optimizer, after_backward=self.masking.mask_gradients)
        return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--density", type=float, default=0.1)
    given = parser.parse_args()
    torch.set_num_threads(1)
    dense, sparse = (Arm(density, given.batch, given.size) for density in (1.0, given.density))
    ratios = []
    for turn in range(ROUNDS + 2):
        before, own, after = dense.seconds(), sparse.seconds(), dense.seconds()
        if turn > 1:
            ratios.append(2 * own / (before + after) - 1)
    sparse.masking.check()
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(
        f"resnet18, {given.size} pixels, batch {given.batch}: masks add {middle:.1%} to a step ({low:.1%} to {high:.1%})"
    )


if __name__ == "__main__":
    main()
