"""Removing units for real: every tensor that holds them becomes smaller; the masked and the sliced model agree.

A removed unit reads as zero in the masked model, and its readers lose just the inputs that read it.
"""

import contextlib
import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from maskbank.errors import InputError
from maskbank.models.layout import format_of, laid
from maskbank.models.units import Layer, Slot

Kept = dict[str, Tensor]  # layer name -> ascending indices of the units that stay
HEAD_COUNTS = ("num_heads", "num_attention_heads", "n_heads", "n_head", "heads")
HEAD_WIDTHS = ("attn_dim", "all_head_size", "inner_dim")


def kept_of(mask: Mapping[str, Tensor]) -> Kept:
    """Indices of the units that masks in {0, 1} keep."""
    return {name: value.nonzero().flatten() for name, value in mask.items()}


def slice_units(model: nn.Module, layers: list[Layer], kept: Kept) -> nn.Module:
    """A copy of the model with only the kept units of each layer. Raises InputError where a layer would lose all."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    small = copy.deepcopy(model, {id(value): value for value in tensors.values()})  # shares every tensor for now
    slice_in_place(small, layers, kept)
    for name, value in tensors.items():
        if named(small, name) is value:
            put(small, name, laid(value.detach().clone(), format_of(value)))
    return small


@contextlib.contextmanager
def sliced(model: nn.Module, layers: list[Layer], kept: Kept) -> Iterator[None]:
    """The model itself with only the kept units, for as long as the context lasts; cheaper than a copy."""
    inner = ("_parameters", "_buffers", "_modules")
    before = [
        (module, {**module.__dict__, **{name: dict(module.__dict__[name]) for name in inner}})
        for module in model.modules()
    ]
    try:
        slice_in_place(model, layers, kept)
        yield
    finally:
        for module, state in before:
            module.__dict__.clear()
            module.__dict__.update(state)


def slice_in_place(model: nn.Module, layers: list[Layer], kept: Kept) -> list[Layer]:
    """Leave only the kept units in the model itself; returns the layers of what is left."""
    stays: dict[str, dict[int, Tensor]] = defaultdict(dict)
    for layer in layers:
        if not len(kept[layer.name]):
            raise InputError(f"{layer.name}: no unit would be left; keep at least one of {layer.count}")
        if len(kept[layer.name]) == layer.count:
            continue
        for slot in layer.slots:
            size = named(model, slot.tensor).shape[slot.dim]
            stays[slot.tensor].setdefault(slot.dim, torch.ones(size).bool())[removed(slot, kept[layer.name])] = False
        if layer.kind == "head":
            set_heads(model, layer, len(kept[layer.name]))
    for name, keep in stays.items():
        put(model, name, cut(named(model, name).detach(), keep))
    for name in {tensor.rpartition(".")[0] for tensor in stays}:
        set_widths(model.get_submodule(name))
    places = {(name, dim): keep.cumsum(0) - 1 for name, dims in stays.items() for dim, keep in dims.items()}
    return [renumber(layer, kept[layer.name], places) for layer in layers]


def renumber(layer: Layer, kept: Tensor, places: dict[tuple[str, int], Tensor]) -> Layer:
    """The layer as it lies in the smaller tensors; `places` are new positions by old ones, of each tensor and dim cut."""

    def moved(slot: Slot) -> Slot:
        place, index = places.get((slot.tensor, slot.dim)), slot.index[kept]
        return replace(slot, index=index if place is None else place[index])

    return replace(layer, count=len(kept), slots=tuple(moved(slot) for slot in layer.slots))


def named(model: nn.Module, name: str) -> Tensor:
    """A parameter or buffer by its name in the state."""
    parent, _, leaf = name.rpartition(".")
    return getattr(model.get_submodule(parent), leaf)


def removed(slot: Slot, kept: Tensor) -> Tensor:
    gone = torch.ones(len(slot.index), dtype=torch.bool)
    gone[kept] = False
    return slot.index[gone].flatten()


def cut(value: Tensor, stays: dict[int, Tensor]) -> Tensor:
    """A copy of the tensor with the positions that stay, in its own layout."""
    format = format_of(value)
    for dim, keep in stays.items():
        value = value.index_select(dim, keep.nonzero().flatten())
    return laid(value, format)


def put(model: nn.Module, name: str, value: Tensor) -> None:
    """Replace a parameter or buffer."""
    parent, _, leaf = name.rpartition(".")
    module = model.get_submodule(parent)
    old = getattr(module, leaf)
    if isinstance(old, nn.Parameter):
        module.register_parameter(leaf, nn.Parameter(value, requires_grad=old.requires_grad))
    else:
        module._buffers[leaf] = value


def set_heads(model: nn.Module, layer: Layer, heads: int) -> None:
    """Tell the module around the projections how many heads are left."""
    attention = model.get_submodule(layer.made[0].module.rpartition(".")[0])
    names = [name for name in HEAD_COUNTS if getattr(attention, name, None) == layer.count]
    if not names:
        raise InputError(f"{layer.name}: {type(attention).__name__} keeps its number of heads under no known name")
    for name in names:
        setattr(attention, name, heads)
    width = layer.read[0].width
    for name in HEAD_WIDTHS:
        if getattr(attention, name, None) == layer.count * width:
            setattr(attention, name, heads * width)


def set_widths(module: nn.Module) -> None:
    """Bring a module's own words for its widths in line with its tensors."""
    weight = getattr(module, "weight", None)
    if isinstance(module, nn.Linear) and weight is not None:
        module.out_features, module.in_features = weight.shape
    elif isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) and weight is not None:
        if module.groups > 1:  # whole groups leave
            module.groups = module.groups * len(weight) // module.out_channels
        module.out_channels, module.in_channels = len(weight), weight.shape[1] * module.groups
    elif isinstance(module, nn.modules.batchnorm._NormBase):
        module.num_features = len(weight if weight is not None else module.running_mean)  # type: ignore[arg-type]
    elif isinstance(module, nn.LayerNorm) and weight is not None:
        module.normalized_shape = tuple(weight.shape)


def shrink(model: nn.Module, layers: list[Layer], counts: dict[str, int]) -> nn.Module:
    """A model of the shape that keeping `counts` units a layer gives (which units is left to the weights loaded later)."""
    known = [layer for layer in layers if layer.name in counts]
    unknown = sorted(set(counts) - {layer.name for layer in known})
    if unknown:
        raise InputError(f"units of {unknown[0]}: {type(model).__name__} has no such layer")
    return slice_units(model, known, {name: torch.arange(count) for name, count in counts.items()})
