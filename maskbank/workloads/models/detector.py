"""A one-stage detector without anchors: residual convolutions to a map at a quarter of the image's side, three heads."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 4  # pixels of the image a cell of the map
PRIOR = 0.1  # of an object in a cell, before learning


class Residual(nn.Module):
    """conv - BN - ReLU - conv - BN, added to the input (through a 1 x 1 convolution where shapes differ), ReLU."""

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != width:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class Detector(nn.Module):
    """[B, 3, S, S] -> [B, classes + 4, S / 4, S / 4]: logits of a centre of each class, log sizes, offsets.

    `blocks` residual blocks of `width` channels at half the side and as many of twice the width at a quarter, then one
    convolution that the heads share. The stem and the three heads stay dense.
    """

    dense_layers = ("stem", "heat", "size", "offset")

    def __init__(self, classes: int, width: int, blocks: int) -> None:
        super().__init__()
        wide = 2 * width
        self.stem, self.norm = nn.Conv2d(3, width, 3, 2, padding=1, bias=False), nn.BatchNorm2d(width)
        self.stage1 = nn.Sequential(*(Residual(width, width) for _ in range(blocks)))
        self.stage2 = nn.Sequential(Residual(width, wide, 2), *(Residual(wide, wide) for _ in range(blocks - 1)))
        self.tower = nn.Sequential(nn.Conv2d(wide, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide), nn.ReLU())
        self.heat, self.size, self.offset = (nn.Conv2d(wide, outputs, 1) for outputs in (classes, 2, 2))
        nn.init.constant_(self.heat.bias, float(torch.logit(torch.tensor(PRIOR))))  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm(self.stem(x)))
        y = self.tower(self.stage2(self.stage1(y)))
        return torch.cat([self.heat(y), self.size(y), self.offset(y)], 1)
