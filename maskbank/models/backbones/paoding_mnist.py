"""PAODING's MNIST CNN (Meng et al., arXiv 2405.00074): conv 64-64-128-128-256, dense 512-128, one BatchNorm.

Published: the widths, and in the tool's code 3 x 3 convolutions without padding, max-pools behind the second, fourth
and fifth, BatchNorm between the last ReLU and its pool, on 28 x 28 grey pixels. The published 753,738 parameters count
BatchNorm's running statistics (753,226 are trained). Ours: no dropout, torch's BatchNorm momentum and epsilon.
"""

from torch import nn

from maskbank.models.plain import CNN, check_size, paoding_convs


def build(classes: int, channels: int, size: int) -> nn.Module:
    """Raises InputError where the images have less than 28 pixels a side."""
    convs = paoding_convs(norm=True)
    check_size("paoding_mnist", size, convs)
    return CNN(classes, channels, size, convs, [512, 128])
