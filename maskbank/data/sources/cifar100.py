"""CIFAR-100: 60,000 colour images of 32 x 32 pixels in 100 classes, by torchvision (downloads on first use)."""

from pathlib import Path

from torchvision.datasets import CIFAR100

from maskbank.data.raw import Raw
from maskbank.data.torchvision_sets import load_set

CLASSES = 100
IMAGE = (3, 32, 100)  # channels, pixels a side, test images a class


def load(path: Path | None, size: int | None) -> Raw:
    return load_set(CIFAR100, path, "cifar100")
