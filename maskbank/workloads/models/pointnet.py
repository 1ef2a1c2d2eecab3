"""A segmenter of point clouds: the same small model on each point, and a maximum over all of them."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PointNet(nn.Module):
    """[B, 3, N, 1] -> [B, parts, N], logits of each point.

    PointNet's segmentation model (Qi et al. 2017, figure 2) without its two transformers of input and features: point-wise
    layers to 2 `width` channels, of which a point keeps its own, then to 4 `width`, whose maximum over the points is
    concatenated to each. The stem and the last layer stay dense.
    """

    dense_layers = ("stem", "head")

    def __init__(self, parts: int, width: int) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, width, 1, bias=False), nn.BatchNorm2d(width)
        self.own = pointwise(width, width, 2 * width)
        self.shared = pointwise(2 * width, 2 * width, 4 * width)
        self.both = pointwise(6 * width, 4 * width, 2 * width, width)
        self.head = nn.Conv2d(width, parts, 1)

    def forward(self, x: Tensor) -> Tensor:
        own = self.own(F.relu(self.norm(self.stem(x))))
        whole = self.shared(own).amax(2, keepdim=True)  # [B, 4 width, 1, 1]
        return self.head(self.both(torch.cat([own, whole.expand(-1, -1, x.shape[2], -1)], 1))).squeeze(3)


def pointwise(*widths: int) -> nn.Sequential:
    """1 x 1 convolutions from each of these widths to the next, each with BatchNorm and ReLU."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)
