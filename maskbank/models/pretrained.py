"""timm's models with published weights."""

from typing import Any

import timm
from torch import nn

from maskbank.errors import InputError


def build_timm(name: str, classes: int, channels: int, pretrained: bool, **options: Any) -> nn.Module:
    """A timm model with a new head; an InputError where the weights cannot be fetched."""
    try:
        return timm.create_model(name, pretrained=pretrained, num_classes=classes, in_chans=channels, **options)
    except Exception as error:  # the hub client raises types of its own
        if not pretrained:
            raise
        reason = str(error).split("\n", maxsplit=1)[0]
        raise InputError(
            f"models.{name}.pretrained = true: weights not to be had ({reason}); set it to false or go online"
        ) from None
