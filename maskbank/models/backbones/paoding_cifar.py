"""PAODING's CIFAR-10 CNN (Meng et al., arXiv 2405.00074): conv 64-64-128-128-256, dense 512-128, no normalisation.

Published: the widths, the 753,866 parameters, and in the tool's code 3 x 3 convolutions without padding and max-pools
behind the second, fourth and fifth, on 32 x 32 colour pixels.
"""

from torch import nn

from maskbank.models.plain import CNN, check_size, paoding_convs

BATCHNORM = False


def build(classes: int, channels: int, size: int) -> nn.Module:
    """Raises InputError where the images have less than 28 pixels a side."""
    convs = paoding_convs(norm=False)
    check_size("paoding_cifar", size, convs)
    return CNN(classes, channels, size, convs, [512, 128])
