"""A multi-layer perceptron with ReLU: hidden layers of one width (64-64 by default) on the flattened image.

With 29 inputs and one logit this is PAODING's published credit-card model (Meng et al., arXiv 2405.00074), 6,145
parameters; the suite's own tasks have one logit a class.
"""

from torch import nn

from maskbank.models.plain import MLP, check_counts

BATCHNORM = False


def build(classes: int, channels: int, size: int, *, width: int = 64, depth: int = 2) -> nn.Module:
    """`depth` hidden layers of `width` nodes. Raises InputError where one is below 1."""
    check_counts("mlp", width=width, depth=depth)
    return MLP(classes, channels * size**2, [width] * depth)
