"""A small plain CNN: convolutions that double in width, each with a max-pool, then dense layers that halve.

By default conv 16-32 and dense 64-32: small enough to prune both kinds of layers in seconds (a model of ours).
"""

from torch import nn

from maskbank.errors import InputError
from maskbank.models.plain import CNN, Conv, check_counts


def build(
    classes: int,
    channels: int,
    size: int,
    *,
    width: int = 16,
    depth: int = 2,
    dense: int = 64,
    dense_depth: int = 2,
    norm: bool = False,
) -> nn.Module:
    """`depth` convolutions from `width` channels on, `dense_depth` dense layers from `dense` nodes on; any image size.

    Raises InputError where a number is below 1 or the last dense layer would be empty.
    """
    check_counts("cnn", width=width, depth=depth, dense=dense, dense_depth=dense_depth)
    if dense < 2 ** (dense_depth - 1):
        least = 2 ** (dense_depth - 1)
        raise InputError(
            f"models.cnn.dense = {dense}: halves to nothing in dense_depth = {dense_depth}; at least {least}"
        )
    convs = [Conv(width * 2**stage, norm=norm) for stage in range(depth)]
    return CNN(classes, channels, size, convs, [dense // 2**stage for stage in range(dense_depth)])
