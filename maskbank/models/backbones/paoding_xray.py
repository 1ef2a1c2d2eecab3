"""PAODING's chest X-ray CNN (Meng et al., arXiv 2405.00074): conv 32-64-64-128-256, dense 128.

Published: the widths, and in the tool's code 3 x 3 padded convolutions, each followed by ReLU, BatchNorm and a padded
max-pool, on one grey channel of 64 x 64 pixels. The published 558,273 parameters count BatchNorm's running statistics
(557,185 are trained) and one sigmoid output. Ours: no dropout, torch's BatchNorm momentum and epsilon, one logit a class.
"""

from torch import nn

from maskbank.models.plain import CNN, Conv

WIDTHS = (32, 64, 64, 128, 256)


def build(classes: int, channels: int, size: int) -> nn.Module:
    """Any image size: padded maps halve five times, rounding up."""
    return CNN(classes, channels, size, [Conv(width, norm=True) for width in WIDTHS], [128])
