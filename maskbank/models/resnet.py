"""CIFAR-style residual networks whose blocks hold one branch (sequential) or several (parallel, see `transforms`)."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class Branch(nn.Module):
    """conv - BN - ReLU - conv - BN. Its inner channels are the prunable units. A folded branch has no BN."""

    def __init__(self, channels: int, inner: int, out: int, stride: int = 1, folded: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, inner, 3, stride, 1, bias=folded)
        self.bn1: nn.Module = nn.Identity() if folded else nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, out, 3, 1, 1, bias=folded)
        self.bn2: nn.Module = nn.Identity() if folded else nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))


class Block(nn.Module):
    """relu(shortcut(x) + scale * sum of branches(x))."""

    def __init__(self, branches: Sequence[Branch], shortcut: nn.Module, scale: float = 1.0) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.scale = scale
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        y = self.shortcut(x)
        for branch in self.branches:
            y = y + (branch(x) if self.scale == 1 else self.scale * branch(x))
        return F.relu(y)


def shape_of(conv: nn.Conv2d) -> dict[str, Any]:
    """What another convolution of the same shape is made with."""
    names = ("in_channels", "out_channels", "kernel_size", "stride", "padding")
    return {name: getattr(conv, name) for name in names}


class Shortcut(nn.Module):
    """A 1 x 1 convolution with BN on every `stride`-th pixel.

    The same as a strided convolution, whose channels-last backward corrupts the heap for few channels on CPUs
    without AVX-512 (torch 2.14.1).
    """

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(channels, out, 1, bias=False)
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x[:, :, :: self.stride, :: self.stride]))


def first_block(channels: int, out: int, stride: int) -> Block:
    """A block that may change width or resolution; its shortcut is then a 1 x 1 convolution."""
    shortcut: nn.Module = nn.Identity()
    if stride != 1 or channels != out:
        shortcut = Shortcut(channels, out, stride)
    return Block([Branch(channels, out, out, stride)], shortcut)


class ResNet(nn.Module):
    """He et al. 2016, the CIFAR layout: a 3 x 3 stem, stages of doubling width, global mean, one linear head.

    `forward_features`, `forward_head(pre_logits=True)` and `get_classifier` are timm's names, so that every
    backbone is used in the same way.
    """

    def __init__(self, classes: int, channels: int, width: int, blocks: Sequence[int], stem_stride: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, stem_stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        stages, now = [], width
        for stage, count in enumerate(blocks):
            out = width * 2**stage
            first = first_block(now, out, 2 if stage else 1)
            stages.append(nn.Sequential(first, *(first_block(out, out, 1) for _ in range(count - 1))))
            now = out
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(now, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward_features(self, x: Tensor) -> Tensor:
        return self.stages(self.stem(x))

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        pooled = x.mean((2, 3))
        return pooled if pre_logits else self.head(pooled)

    def get_classifier(self) -> nn.Module:
        return self.head

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))
