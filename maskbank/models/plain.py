"""Plain feed-forward networks with timm's interface: a multi-layer perceptron, and convolutions followed by dense layers.

Every layer is a named module in a Sequential (`conv1`, `norm1`, `fc1`), so that units can be found by tracing.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from torch import Tensor, nn

from maskbank.errors import InputError


class Plain(nn.Module):
    """`features` (images to maps or rows), `hidden` (to what the classifier sees), `head` (to logits)."""

    def __init__(self, features: nn.Sequential, hidden: nn.Sequential, head: nn.Linear) -> None:
        super().__init__()
        self.features, self.hidden, self.head = features, hidden, head
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward_features(self, x: Tensor) -> Tensor:
        return self.features(x)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        hidden = self.hidden(x)
        return hidden if pre_logits else self.head(hidden)

    def get_classifier(self) -> nn.Module:
        return self.head

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))


class MLP(Plain):
    """Dense layers with ReLU on the flattened image [B, C * H * W]."""

    def __init__(self, classes: int, inputs: int, widths: Sequence[int]) -> None:
        features = nn.Sequential(OrderedDict([("flatten", nn.Flatten()), *dense_layers(inputs, widths)]))
        super().__init__(features, nn.Sequential(), nn.Linear(widths[-1], classes))


@dataclass(frozen=True)
class Conv:
    """A 3 x 3 convolution with bias and ReLU, then BatchNorm and a halving max-pool where asked for.

    `padded` keeps the size of the map, as Keras' padding "same": its pool rounds up, the unpadded one down.
    """

    width: int
    padded: bool = True
    norm: bool = False
    pool: bool = True

    def side(self, before: int) -> int:
        """Pixels a side of the map behind it; 0 or less where there is none."""
        after = before if self.padded else before - 2
        if not self.pool:
            return after
        return (after + 1) // 2 if self.padded else after // 2


class CNN(Plain):
    """Convolutions, then dense layers with ReLU on the flattened map.

    Normalisation stands behind the activation, as in PAODING's published models.
    """

    def __init__(self, classes: int, channels: int, size: int, convs: Sequence[Conv], dense: Sequence[int]) -> None:
        layers: list[tuple[str, nn.Module]] = []
        for number, conv in enumerate(convs, 1):
            layers.append((f"conv{number}", nn.Conv2d(channels, conv.width, 3, padding=int(conv.padded))))
            layers.append((f"relu{number}", nn.ReLU()))
            if conv.norm:
                layers.append((f"norm{number}", nn.BatchNorm2d(conv.width)))
            if conv.pool:
                layers.append((f"pool{number}", nn.MaxPool2d(2, ceil_mode=conv.padded)))
            channels = conv.width
        inputs = channels * map_side(size, convs) ** 2
        hidden = nn.Sequential(OrderedDict([("flatten", nn.Flatten()), *dense_layers(inputs, dense)]))
        super().__init__(nn.Sequential(OrderedDict(layers)), hidden, nn.Linear(dense[-1], classes))


def dense_layers(inputs: int, widths: Sequence[int]) -> list[tuple[str, nn.Module]]:
    """Named linear layers, each with its ReLU."""
    layers: list[tuple[str, nn.Module]] = []
    for number, width in enumerate(widths, 1):
        layers += [(f"fc{number}", nn.Linear(inputs, width)), (f"relu{number}", nn.ReLU())]
        inputs = width
    return layers


def map_side(size: int, convs: Sequence[Conv]) -> int:
    """Pixels a side of the last map; 0 where the images are too small."""
    for conv in convs:
        size = max(conv.side(size), 0)
    return size


def check_size(backbone: str, size: int, convs: Sequence[Conv]) -> None:
    """Raises InputError where unpadded convolutions leave nothing of the images."""
    if not map_side(size, convs):
        least = next(side for side in count(size) if map_side(side, convs))
        raise InputError(
            f"data.size = {size}: {backbone} needs images of at least {least} pixels a side; set data.size to {least}"
        )


def check_counts(backbone: str, **options: int) -> None:
    """Raises InputError for the first option that is not a whole number above 0."""
    for option, value in options.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InputError(f"models.{backbone}.{option} = {value!r}: expected a whole number, 1 or more")


def paoding_convs(norm: bool) -> list[Conv]:
    """64-64-pool-128-128-pool-256-pool without padding: the CNN of PAODING's tool for MNIST and CIFAR-10.

    `norm`: BatchNorm behind the last convolution.
    """
    return [
        Conv(64, padded=False, pool=False),
        Conv(64, padded=False),
        Conv(128, padded=False, pool=False),
        Conv(128, padded=False),
        Conv(256, padded=False, norm=norm),
    ]
