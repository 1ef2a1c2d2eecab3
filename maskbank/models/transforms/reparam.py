"""Train-time branches with one BatchNorm after their sum, merged exactly (after RepVGG, Ding et al. 2021).

Every 3 x 3 convolution of a residual branch gets a parallel 1 x 1 convolution. One BatchNorm stands after the sum, so
that the two kernels add up to one: the function is that of the plain model at any moment, the gradients are not.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.errors import InputError
from maskbank.models.layout import CHANNELS_LAST, lay_out
from maskbank.models.resnet import Branch, shape_of


class Summed(nn.Conv2d):
    """A k x k convolution with a parallel 1 x 1 convolution, computed as one: `point` [out, in, 1, 1]."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__(**shape_of(conv), bias=conv.bias is not None)
        self.weight, self.bias = conv.weight, conv.bias
        self.point = nn.Parameter(conv.weight.new_empty(conv.out_channels, conv.in_channels, 1, 1))
        nn.init.kaiming_normal_(self.point, mode="fan_out", nonlinearity="relu")

    def kernel(self) -> Tensor:
        side = int(self.kernel_size[0]) // 2
        return self.weight + F.pad(self.point, (side, side, side, side))

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.kernel(), self.bias)


def apply(model: nn.Module) -> nn.Module:
    """Widen the convolutions of a ResNet's branches in place. Raises InputError where there are none."""
    branches = [module for module in model.modules() if isinstance(module, Branch)]
    if not branches:
        raise InputError(f"reparam: {type(model).__name__} has no convolution followed by BatchNorm in a branch")
    for branch in branches:
        branch.conv1, branch.conv2 = Summed(branch.conv1), Summed(branch.conv2)
    return model


def merge(model: nn.Module) -> nn.Module:
    """Undo `apply` in place: plain convolutions with the summed kernels, the same function."""
    for branch in [module for module in model.modules() if isinstance(module, Branch)]:
        branch.conv1, branch.conv2 = merged(branch.conv1), merged(branch.conv2)
    return lay_out(model, CHANNELS_LAST)


def merged(conv: nn.Conv2d) -> nn.Conv2d:
    if not isinstance(conv, Summed):
        return conv
    plain = nn.Conv2d(**shape_of(conv), bias=conv.bias is not None)
    plain.weight, plain.bias = nn.Parameter(conv.kernel().detach()), conv.bias
    return plain.train(conv.training)
