"""Reconstruction: what the readers of removed units are told, before slicing, so that less is lost.

A removed unit j is taken for `sum_i M[j, i] h_i + c_j` over the kept units i. Readers get `W[:, i] += M[j, i] W[:, j]`
and, on their output, `W[:, j] c_j`: in their bias, or in the running mean of the norm right behind them, or in a bias
that they are given. A convolution with padding reads zeros beyond the border and not c_j, so constants are inexact
there. Batch-norm re-estimation after surgery undoes constants in running means, and makes up for them.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from maskbank.errors import InputError
from maskbank.models.surgery import Kept
from maskbank.models.units import Layer, Slot
from maskbank.pruning.approximation import Approximation, Merge, removed_units
from maskbank.pruning.expectation import expected, reader_means
from maskbank.pruning.merging import merge as by_similarity
from maskbank.pruning.recording import Recording, record
from maskbank.pruning.sample import Sample

HOW = ("none", "mean", "bias", "merge")


@torch.no_grad()
def reconstruct(
    model: nn.Module, layers: list[Layer], kept: Kept, how: str, sample: Sample, merge: Merge | None = None
) -> list[str]:
    """Change a full model in place, so that slicing it to `kept` loses less; returns the modules that got a bias.

    Slice it by `with_biases(layers, names)`: a new bias is cut with the units that its module makes.

    none: nothing. mean: each removed unit is its mean over the sample, reader by reader. bias: its expected value,
    without data (`expectation.expected`). merge: `merge(model, layer, kept, seen)` of the score, or else
    `merging.merge`. All are taken from the model as it was. Left alone: units that a LayerNorm normalises (embedding
    widths), and heads by merge. Raises InputError for another `how`, or a mean over no examples.
    """
    if how not in HOW:
        raise InputError(f"reconstruct = {how!r}: expected one of {', '.join(HOW)}")
    if how == "mean" and not len(sample.x):
        raise InputError("reconstruct = 'mean': needs examples and there are none; use bias, which needs no data")
    cut = [layer for layer in layers if len(kept[layer.name]) < layer.count and not is_layer_normed(model, layer)]
    if how == "none" or not cut:
        return []
    seen = record(model, sample.x.shape[1:])
    changes = [
        (layer, slot, approximation)
        for layer, slot, approximation in approximations(model, cut, kept, how, sample, seen, merge)
        if approximation is not None
    ]
    shifts: dict[str, Tensor] = {}
    for layer, slot, approximation in changes:
        shift = tell(model, slot, kept[layer.name], removed_units(layer, kept[layer.name]), approximation)
        if shift is not None:
            shifts[slot.module] = shifts.get(slot.module, 0) + shift
    return [name for name, shift in shifts.items() if absorb(model, name, shift, seen)]


def with_biases(layers: list[Layer], names: list[str]) -> list[Layer]:
    """The layers of a model after these modules got a bias: it belongs to the units that they make."""

    def more(layer: Layer) -> list[Slot]:
        weights = [slot for slot in layer.made if slot.module in names and slot.tensor == f"{slot.module}.weight"]
        return [Slot(f"{slot.module}.bias", 0, slot.index, "made") for slot in weights]

    return [replace(layer, slots=(*layer.slots, *more(layer))) for layer in layers]


def is_layer_normed(model: nn.Module, layer: Layer) -> bool:
    modules = [model.get_submodule(slot.module) for slot in layer.carried]
    return layer.kind == "embedding" or any(isinstance(module, nn.LayerNorm) for module in modules)


def approximations(
    model: nn.Module, layers: list[Layer], kept: Kept, how: str, sample: Sample, seen: Recording, merge: Merge | None
) -> list[tuple[Layer, Slot, Approximation | None]]:
    """What each reader is told of each layer."""
    if how == "merge":
        told = [
            (layer, (merge or by_similarity)(model, layer, kept[layer.name], seen))
            for layer in layers
            if layer.kind != "head"
        ]
        return [(layer, slot, approximation) for layer, approximation in told for slot in layer.read]
    means = reader_means(model, layers, sample) if how == "mean" else {}
    found = []
    for layer in layers:
        gone = removed_units(layer, kept[layer.name])
        for slot in layer.read:
            mean = means.get(slot.module)  # a reader whose weight is used without calling it has none
            values = expected(layer, slot, seen) if how == "bias" else None if mean is None else mean[slot.index]
            found.append((layer, slot, None if values is None else Approximation(constant=values[gone])))
    return found


def tell(model: nn.Module, slot: Slot, kept: Tensor, gone: Tensor, approximation: Approximation) -> Tensor | None:
    """Change one reader's weights; returns what has to be added to its output, [outputs], float64."""
    weight = model.get_parameter(slot.tensor)
    inputs = weight.movedim(slot.dim, 0)  # [inputs, outputs, ...]
    lost = inputs[slot.index[gone]].double()  # [removed, width, outputs, ...]
    if approximation.matrix is not None:
        stay = slot.index[kept]
        inputs[stay] += torch.tensordot(approximation.matrix.double().T, lost, dims=1).to(weight.dtype)
    if approximation.constant is None:
        return None
    constant = approximation.constant.double()
    constant = constant[:, None] if constant.ndim == 1 else constant
    return (lost.flatten(3).sum(3) if lost.ndim > 3 else lost).mul(constant[..., None]).sum((0, 1))


def absorb(model: nn.Module, name: str, shift: Tensor, seen: Recording) -> bool:
    """Add `shift` [outputs] to what a module puts out; True where it had to be given a bias."""
    module = model.get_submodule(name)
    bias, mean = module.bias, mean_behind(model, f"{name}.weight", seen)
    if bias is None and mean is not None:
        mean -= shift.to(mean.dtype)
    elif bias is None:
        weight = model.get_parameter(f"{name}.weight")
        module.register_parameter("bias", nn.Parameter(shift.to(weight.dtype), requires_grad=weight.requires_grad))
        return True
    else:
        bias += shift.to(bias.dtype)  # type: ignore[arg-type, operator]
    return False


def mean_behind(model: nn.Module, weight: str, seen: Recording) -> Tensor | None:
    """Running mean of the norm that reads a module's output directly, where nothing else reads it."""
    places = seen.using(weight)
    after = seen.consumers(places[0]) if len(places) == 1 else []
    operation = seen.operations[after[0]] if len(after) == 1 else None
    if operation is None or not operation.norm or len(seen.using(seen.tensor(operation))) > 1:
        return None
    return model.get_buffer(seen.tensor(operation, "running_mean"))
