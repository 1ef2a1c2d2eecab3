"""Checkpoints of sparse models: of a masked tensor one bit a weight and the live values, all else as it is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save
from torch import Tensor, nn

from maskbank.errors import InputError, WorkError
from maskbank.models.checkpoint import Architecture, readable
from maskbank.pruning.weights import Masks

LIVE, VALUES = ":live", ":values"  # no name of a state has a colon


def whole_tensors(model: nn.Module) -> dict[str, NDArray[Any]]:
    """The state as contiguous arrays of its shapes."""
    return {name: value.detach().cpu().contiguous().numpy() for name, value in model.state_dict().items()}


def pack(model: nn.Module, masks: Masks) -> dict[str, NDArray[Any]]:
    """The state with each masked tensor as its mask (packed bits, row by row) and its live values.

    Raises WorkError where a masked value is not zero to the bit, so that nothing is lost.
    """
    packed: dict[str, NDArray[Any]] = {}
    for name, value in whole_tensors(model).items():
        mask = None if name not in masks else masks[name].numpy()
        if mask is None or mask.all():
            packed[name] = value
            continue
        if np.any(value[~mask].view(f"u{value.itemsize}")):
            raise WorkError(f"{name}: a masked weight is not zero, so that it cannot be packed")
        packed[name + LIVE], packed[name + VALUES] = np.packbits(mask), value[mask]
    return packed


def unpack(model: nn.Module, packed: Mapping[str, NDArray[Any]]) -> Masks:
    """Load a packed state into a model of its shapes; returns its masks. Raises InputError for another model's."""
    state, masks = {}, dict[str, Tensor]()
    for name, like in model.state_dict().items():
        if name + LIVE in packed:
            bits = np.unpackbits(packed[name + LIVE], count=like.numel()).astype(bool).reshape(tuple(like.shape))
            if bits.sum() != len(packed[name + VALUES]):
                raise InputError(f"{name}: not of this model, or damaged; its mask and its values do not agree")
            value = np.zeros(tuple(like.shape), packed[name + VALUES].dtype)
            value[bits] = packed[name + VALUES]
            state[name], masks[name] = torch.from_numpy(value), torch.from_numpy(bits)
        elif name in packed and packed[name].shape == tuple(like.shape):
            state[name] = torch.from_numpy(np.array(packed[name]))
        else:
            raise InputError(f"{name}: not in this checkpoint, or of another shape; it is of another model")
    model.load_state_dict(state)
    return masks


def load_sparse(architecture: Architecture, path: Path) -> tuple[nn.Module, Masks]:
    """Build and load, in eval mode; a missing, torn or unfitting checkpoint is an InputError that names it."""
    with readable(path):
        packed = load_file(path)
    model = architecture.build()
    try:
        masks = unpack(model, packed)
    except (InputError, ValueError) as error:
        raise InputError(f"{path}: {error}") from None
    return model.eval(), masks


def checkpoint_bytes(model: nn.Module, masks: Masks) -> dict[str, int]:
    """Bytes of the file that each form takes: the dense state, that with boolean masks, and packed."""
    dense = whole_tensors(model)
    with_masks = dense | {name + LIVE: mask.numpy().copy() for name, mask in masks.items() if not mask.all()}
    forms = {"dense": dense, "masked": with_masks, "packed": pack(model, masks)}
    return {name: len(save(tensors)) for name, tensors in forms.items()}
