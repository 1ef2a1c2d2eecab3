"""A small pre-LN vision transformer (timm), mean-pooled."""

from timm.models.vision_transformer import VisionTransformer
from torch import nn

from maskbank.errors import InputError

BATCHNORM = False


def build(
    classes: int,
    channels: int,
    size: int,
    *,
    dim: int = 48,
    depth: int = 4,
    heads: int = 3,
    patch: int = 4,
    mlp_ratio: int = 2,
) -> nn.Module:
    """Raises InputError where `patch` does not divide the image or `heads` the width."""
    if size % patch:
        raise InputError(f"models.vit.patch = {patch}: does not divide the {size} pixels of the images")
    if dim % heads:
        raise InputError(f"models.vit.heads = {heads}: does not divide dim = {dim}")
    return VisionTransformer(
        img_size=size, patch_size=patch, in_chans=channels, num_classes=classes, embed_dim=dim, depth=depth,
        num_heads=heads, mlp_ratio=mlp_ratio, class_token=False, global_pool="avg",
    )  # fmt: skip
