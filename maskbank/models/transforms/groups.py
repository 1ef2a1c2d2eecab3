"""Runs of identity blocks that a transformation joins or thins out."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from maskbank.errors import InputError
from maskbank.models.resnet import Block, ResNet


def regroup(
    model: Any, size: int, convolve: Callable[[Sequence[Block]], nn.Module],
    attend: Callable[[Sequence[nn.Module]], nn.Module], what: str,
) -> Any:  # fmt: skip
    """Replace every `size` consecutive identity blocks by one module, in place.

    Of a ResNet's stage the first block stays, as it changes width or resolution; a run at the end may be shorter.
    Raises InputError where there is no run of `size` blocks.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 2:
        raise InputError(f"{what}: parallel = {size!r}: expected a whole number, 2 or more")
    if isinstance(model, ResNet):
        stages: Any = model.stages
        for number, stage in enumerate(stages):
            first, *rest = stage
            check_run(len(rest), size, f"{what}: stage {number + 1} of the ResNet", "identity blocks")
            stages[number] = nn.Sequential(first, *map(convolve, runs(rest, size)))
    elif is_vit(model):
        check_run(len(model.blocks), size, f"{what}: the ViT", "blocks")
        model.blocks = nn.Sequential(*map(attend, runs(list(model.blocks), size)))
    else:
        raise InputError(f"{what}: {type(model).__name__} has no residual blocks to join; use a ResNet or a ViT")
    return model


def is_vit(model: nn.Module) -> bool:
    """timm's pre-LN vision transformer; timm is imported for models that need it alone."""
    from timm.models.vision_transformer import VisionTransformer

    return isinstance(model, VisionTransformer)


def check_run(found: int, size: int, where: str, noun: str) -> None:
    if found < size:
        raise InputError(f"{where} has {found} {noun}; at least {size} are needed")


def runs(blocks: list, size: int) -> list[list]:
    return [blocks[start : start + size] for start in range(0, len(blocks), size)]
