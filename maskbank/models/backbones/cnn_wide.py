"""The plain CNN with twice the channels and nodes, conv 32-64 and dense 128-64: what can be pruned, against size."""

from torch import nn

from maskbank.models.backbones import cnn


def build(classes: int, channels: int, size: int) -> nn.Module:
    return cnn.build(classes, channels, size, width=32, dense=128)
