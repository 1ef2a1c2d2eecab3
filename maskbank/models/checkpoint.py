"""Models as safetensors and a JSON description; nothing is pickled, and loading needs no training code."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from maskbank.errors import InputError
from maskbank.models.fold import fold
from maskbank.models.graph import find_layers
from maskbank.models.layout import CHANNELS_LAST, lay_out
from maskbank.models.surgery import shrink
from maskbank.models.transforms import reparam, s2p, shallow
from maskbank.registry import BACKBONES

TRANSFORMS: dict[str, Callable[..., nn.Module]] = {
    "s2p": s2p.apply, "shallow": shallow.apply, "reparam": reparam.apply,
}  # fmt: skip


@dataclass(frozen=True)
class Transform:
    """A transformation of a backbone by its name."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def apply(self, model: nn.Module) -> nn.Module:
        return lay_out(TRANSFORMS[self.name](model, **self.options), CHANNELS_LAST)


@dataclass(frozen=True)
class Architecture:
    """All that is needed to build a model; `counts` are the units kept in each layer."""

    backbone: str
    classes: int
    channels: int
    size: int
    options: dict[str, Any] = field(default_factory=dict)
    transform: Transform | None = None
    folded: bool = False
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def image(self) -> tuple[int, int]:
        return self.channels, self.size

    def build(self) -> nn.Module:
        """Random weights, from the global generator: seed it before."""
        module = BACKBONES.module(self.backbone)
        model: nn.Module = module.build(self.classes, self.channels, self.size, **self.options)
        if self.transform is not None:
            model = self.transform.apply(model)
        if self.folded:
            model = fold(model)
        if self.counts:
            model = shrink(model, find_layers(model, self.image, "all"), self.counts)
        return lay_out(model, CHANNELS_LAST)

    def describe(self) -> dict[str, Any]:
        """As JSON values; `Architecture.of` reads it."""
        return asdict(self)

    @classmethod
    def of(cls, description: Mapping[str, Any]) -> Self:
        given = description["transform"]
        return cls(**{**description, "transform": Transform(**given) if given else None})


def model_tensors(model: nn.Module) -> dict[str, NDArray[Any]]:
    """The state of a model as contiguous numpy arrays."""
    return {name: np.ascontiguousarray(value.detach().cpu().numpy()) for name, value in model.state_dict().items()}


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """A missing or torn checkpoint, read inside, is an InputError that names it."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: no such checkpoint; run the stage that writes it (`dvc repro`)") from None
    except SafetensorError as error:
        raise InputError(f"{path}: not a readable checkpoint ({error}); delete it and run its stage again") from None


def load_model(architecture: Architecture, path: Path) -> nn.Module:
    """Build and load; a missing, torn or unfitting checkpoint is an InputError that names it."""
    with readable(path):
        state = load_file(path)
    model = architecture.build()
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).split("\n")[1].strip() if "\n" in str(error) else str(error)
        raise InputError(
            f"{path}: not a checkpoint of {architecture.backbone} as its description says ({reason})"
        ) from None
    return model.eval()
