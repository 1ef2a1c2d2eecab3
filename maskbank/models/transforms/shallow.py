"""The depth-matched control of S2P: of every `parallel` consecutive identity blocks only the first stays."""

from torch import nn

from maskbank.models.transforms.groups import regroup


def apply(model: nn.Module, *, parallel: int = 2) -> nn.Module:
    """Thin out a ResNet or ViT in place: as deep as its S2P form, with fewer parameters and MACs."""
    return regroup(model, parallel, lambda blocks: blocks[0], lambda blocks: blocks[0], "depth-matched control")
