"""DeiT-S of timm, 16-pixel patches, resized position embedding."""

from torch import nn

from maskbank.models.pretrained import build_timm

BATCHNORM = False


def build(classes: int, channels: int, size: int, *, pretrained: bool = True) -> nn.Module:
    return build_timm("deit_small_patch16_224", classes, channels, pretrained, img_size=size)
