"""ResNet-20 of He et al. 2016: three stages of three blocks."""

from torch import nn

from maskbank.models.resnet import ResNet


def build(classes: int, channels: int, size: int, *, width: int = 16, stem_stride: int = 1) -> nn.Module:
    return ResNet(classes, channels, width, (3, 3, 3), stem_stride)
