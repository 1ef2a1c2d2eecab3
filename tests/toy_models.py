"""Small networks of the usual families, for tests: 8 x 8 grey images to 4 logits, below 30,000 parameters each.

They are written as a user would write them, without timm's interface, so that units must be found by tracing.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IMAGE = (1, 8)  # channels, pixels a side
CLASSES = 4


def vgg() -> nn.Module:
    """conv - BN - ReLU - pool, twice, a conv without BN, then two dense layers on the flattened 2 x 2 map."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(16 * 4, 24), nn.ReLU(), nn.Dropout(0.1), nn.Linear(24, CLASSES),
    )  # fmt: skip


class Squeeze(nn.Module):
    """Squeeze-and-excitation: each channel times a sigmoid of all channels' means."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(width, width // 4, 1)
        self.expand = nn.Conv2d(width // 4, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.expand(F.relu(self.reduce(x.mean((2, 3), keepdim=True)))))


class Inverted(nn.Module):
    """1 x 1 expansion, depthwise 3 x 3, optional squeeze, linear 1 x 1; added to the input where shapes agree."""

    def __init__(self, width: int, inner: int, out: int, stride: int = 1, squeeze: bool = False) -> None:
        super().__init__()
        self.expand, self.bn1 = nn.Conv2d(width, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.depthwise = nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.squeeze = Squeeze(inner) if squeeze else nn.Identity()
        self.project, self.bn3 = nn.Conv2d(inner, out, 1, bias=False), nn.BatchNorm2d(out)
        self.added = stride == 1 and width == out

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self.bn1(self.expand(x)))
        y = self.squeeze(F.relu6(self.bn2(self.depthwise(y))))
        y = self.bn3(self.project(y))
        return x + y if self.added else y


class Mobile(nn.Module):
    """Inverted residual blocks: one added, one that halves the map, one added with squeeze-and-excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        self.blocks = nn.Sequential(
            Inverted(8, 24, 8), Inverted(8, 24, 12, stride=2), Inverted(12, 32, 12, squeeze=True)
        )
        self.head = nn.Linear(12, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1).flatten(1))


class Grow(nn.Module):
    """BN - ReLU - conv, its channels concatenated to the input's."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.bn, self.conv = nn.BatchNorm2d(width), nn.Conv2d(width, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(F.relu(self.bn(x)))], 1)


class Dense(nn.Module):
    """Two blocks of growing concatenations with a transition (1 x 1 convolution and pool) between them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.block1 = nn.Sequential(Grow(8, 6), Grow(14, 6))
        self.transition = nn.Sequential(
            nn.BatchNorm2d(20), nn.ReLU(), nn.Conv2d(20, 10, 1, bias=False), nn.AvgPool2d(2)
        )
        self.block2 = nn.Sequential(Grow(10, 6), Grow(16, 6))
        self.norm = nn.BatchNorm2d(22)
        self.head = nn.Linear(22, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        y = self.block2(self.transition(self.block1(self.stem(x))))
        return self.head(F.relu(self.norm(y)).mean((2, 3)))


class GatedBlock(nn.Module):
    """Pre-norm residual MLP with a gate: fc2(a * silu(b)), a and b the halves of fc1."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, 2 * inner), nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.fc1(self.norm(x)).chunk(2, dim=-1)
        return x + self.fc2(a * F.silu(b))


class Gated(nn.Module):
    """Tokens of 4 x 4 pixels, two gated blocks, mean over tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, 12, 4, stride=4)
        self.blocks = nn.Sequential(GatedBlock(12, 16), GatedBlock(12, 10))
        self.norm, self.head = nn.LayerNorm(12), nn.Linear(12, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.blocks(tokens)).mean(1))


class ResidualBlock(nn.Module):
    """x + fc2(relu(fc1(x)))."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.fc2(F.relu(self.fc1(x)))


class Stubborn(nn.Module):
    """Holds a width of its own: 8 channels, in a view."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.conv(x)).view(len(x), 8, -1).mean(2))


def residual_mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 20), ResidualBlock(20, 16), ResidualBlock(20, 12), nn.ReLU(), nn.Linear(20, CLASSES)
    )


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, CLASSES)
    )


mobile, dense, glu = Mobile, Dense, Gated
MODELS: dict[str, Callable[[], nn.Module]] = {
    "vgg": vgg, "mobile": mobile, "dense": dense, "glu": glu, "residual_mlp": residual_mlp, "mlp": mlp,
}  # fmt: skip
