"""The plain CNN with one more convolution and dense layer, conv 16-32-64, dense 64-32-16: what can be pruned, against size."""

from torch import nn

from maskbank.models.backbones import cnn


def build(classes: int, channels: int, size: int) -> nn.Module:
    return cnn.build(classes, channels, size, depth=3, dense_depth=3)
