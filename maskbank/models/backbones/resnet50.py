"""ResNet-50 of timm, at the resolution of the data."""

from torch import nn

from maskbank.models.pretrained import build_timm


def build(classes: int, channels: int, size: int, *, pretrained: bool = True) -> nn.Module:
    return build_timm("resnet50", classes, channels, pretrained)
