"""Models as safetensors and a JSON description; nothing is pickled, and loading needs no training code."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from maskbank.errors import InputError
from maskbank.models.graph import find_layers
from maskbank.models.s2p import fold, parallelize
from maskbank.models.surgery import shrink
from maskbank.registry import BACKBONES


@dataclass(frozen=True)
class Architecture:
    """All that is needed to build a model: `parallel` above 1 is the S2P form; `counts` the units kept in each layer."""

    backbone: str
    classes: int
    channels: int
    size: int
    options: dict[str, Any] = field(default_factory=dict)
    parallel: int = 1
    folded: bool = False
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def image(self) -> tuple[int, int]:
        return self.channels, self.size

    def build(self) -> nn.Module:
        """Random weights, from the global generator: seed it before."""
        module = BACKBONES.module(self.backbone)
        model: nn.Module = module.build(self.classes, self.channels, self.size, **self.options)
        if self.parallel > 1:
            model = parallelize(model, self.parallel)
        if self.folded:
            model = fold(model)
        if self.counts:
            model = shrink(model, find_layers(model, self.image, "all"), self.counts)
        return model.to(memory_format=torch.channels_last)

    def describe(self) -> dict[str, Any]:
        return asdict(self)


def model_tensors(model: nn.Module) -> dict[str, NDArray[Any]]:
    """The state of a model as contiguous numpy arrays."""
    return {name: np.ascontiguousarray(value.detach().cpu().numpy()) for name, value in model.state_dict().items()}


def load_model(architecture: Architecture, path: Path) -> nn.Module:
    """Build and load; a missing, torn or unfitting checkpoint is an InputError that names it."""
    try:
        state = load_file(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such checkpoint; run the stage that writes it (`dvc repro`)") from None
    except SafetensorError as error:
        raise InputError(f"{path}: not a readable checkpoint ({error}); delete it and run its stage again") from None
    model = architecture.build()
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).split("\n")[1].strip() if "\n" in str(error) else str(error)
        raise InputError(
            f"{path}: not a checkpoint of {architecture.backbone} as described beside it ({reason})"
        ) from None
    return model.eval()
