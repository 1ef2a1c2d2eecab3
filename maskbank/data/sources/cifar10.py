"""CIFAR-10: 60,000 colour images of 32 x 32 pixels in 10 classes, by torchvision (downloads on first use)."""

from pathlib import Path

from torchvision.datasets import CIFAR10

from maskbank.data.raw import Raw
from maskbank.data.torchvision_sets import load_set

CLASSES = 10
IMAGE = (3, 32, 1000)  # channels, pixels a side, test images a class


def load(path: Path | None, size: int | None) -> Raw:
    return load_set(CIFAR10, path, "cifar10")
