"""What a step of each pretraining recipe costs against Adam's: `python benchmarks/recipes.py [--recipes snt sam ...]`.

On the default profile's ResNet and ViT, batches of 64 random images, one thread, CPU-seconds. Rounds of a few steps of
every recipe in turns, with Adam beside each; the ratio is the median over rounds, with the middle half of them.
"""

import argparse
import statistics
import time

import torch

from maskbank.models.checkpoint import Architecture
from maskbank.registry import RECIPES
from maskbank.training.loop import train

STEPS, BATCH, ROUNDS, SIZE = 5, 64, 21, 20
BACKBONES = {
    "resnet20": {"width": 16, "stem_stride": 2},
    "vit": {"dim": 48, "depth": 4, "heads": 3, "patch": 5},
}


class Arm:
    """A recipe with its own model, ready to take steps."""

    def __init__(self, backbone: str, name: str) -> None:
        recipe = RECIPES.module(name).recipe()
        self.model = Architecture(backbone, 10, 1, SIZE, BACKBONES[backbone], recipe.transform).build()
        self.optimizer = recipe.optimizer(self.model.parameters(), 1e-3)
        x = torch.randn(BATCH, 1, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
        self.batches = [(x, torch.arange(BATCH) % 10)] * STEPS

    def seconds(self) -> float:
        started = time.process_time()
        train(self.model, self.batches, self.optimizer)
        return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES.names(), default=RECIPES.names())
    names = [name for name in parser.parse_args().recipes if name != "adam"]
    torch.set_num_threads(1)
    for backbone in BACKBONES:
        arms = {name: Arm(backbone, name) for name in names if (backbone, name) != ("vit", "reparam")}
        adam = Arm(backbone, "adam")
        ratios: dict[str, list[float]] = {name: [] for name in arms}
        for turn in range(ROUNDS + 2):
            for name, arm in arms.items():
                before, own, after = adam.seconds(), arm.seconds(), adam.seconds()
                if turn > 1:
                    ratios[name].append(2 * own / (before + after))
        for name, values in ratios.items():
            low, middle, high = statistics.quantiles(values, n=4)
            print(f"{backbone}: a step of {name} costs {middle:.2f} times Adam's ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
