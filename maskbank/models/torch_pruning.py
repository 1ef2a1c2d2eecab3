"""torch-pruning's dependency graph, and layers of ours made from it: for modules that our own tracer cannot follow."""

import copy
import importlib
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from maskbank.errors import InputError
from maskbank.models.labels import tensors_in
from maskbank.models.surgery import HEAD_COUNTS
from maskbank.models.units import Layer, Slot

NORM_TENSORS = ("running_mean", "running_var", "weight", "bias")


def load() -> ModuleType:
    """The package, imported when it is first needed. Raises InputError where it is not installed."""
    try:
        return importlib.import_module("torch_pruning")
    except ImportError:
        raise InputError(
            "torch-pruning is not installed; the tp_* scores and its graph need it: pip install torch-pruning, or maskbank[peers]"
        ) from None


def dependency_graph(model: nn.Module, x: Tensor) -> Any:
    """torch-pruning's graph of a copy of the model in eval mode (`graph.model`), traced on `x` [1, ...]."""
    own = copy.deepcopy(model).requires_grad_().eval()
    with torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # In a tuple: of a bare tensor it would first try to run each row as an argument of its own.
        return (
            load()
            .DependencyGraph()
            .build_dependency(own, example_inputs=(x,), output_transform=each_apart, verbose=False)
        )


def each_apart(output: object) -> list[Tensor]:
    """Outputs as nodes of their own: otherwise one that is also read is not known as an output."""
    return [tensor * 1 for tensor in tensors_in(output)]


def full_group(graph: Any, module: nn.Module, dim: int) -> Any:
    """The group of everything that leaves with the outputs (`dim` 0) or inputs (`dim` 1) of a module, all of them."""
    pruner = graph.get_pruner_of_module(module)
    if module not in graph.module2node or pruner is None:
        name = next((name for name, each in graph.model.named_modules() if each is module), "?")
        raise InputError(
            f"{name}: torch-pruning has no such node in its graph; leave this layer out or use another score"
        )
    size = pruner.get_in_channels(module) if dim else pruner.get_out_channels(module)
    return graph.get_pruning_group(
        module, pruner.prune_in_channels if dim else pruner.prune_out_channels, list(range(size))
    )


def layers_from_torch_pruning(model: nn.Module, x: Tensor) -> list[Layer]:
    """Layers of a model by torch-pruning's graph, traced on an input `x` [1, ...], in the order of its modules.

    What the model gives out (the classifier) is no layer. Groups with grouped or transposed convolutions, recurrent or fused
    attention modules, or units of unequal width stay whole. Raises InputError where no layer is left.
    """
    graph = dependency_graph(model, x)
    names: dict[Any, str] = {module: name for name, module in graph.model.named_modules()}
    order = {name: place for place, name in enumerate(names.values())}
    names |= {parameter: name for name, parameter in graph.model.named_parameters()}
    found = [layer for group in graph.get_all_groups() if (layer := read_group(graph, group, names, order)) is not None]
    if not found:
        raise InputError(
            f"{type(model).__name__}: torch-pruning finds no group of units that a layer makes and another reads"
        )
    return sorted(found, key=lambda layer: order[layer.made[0].module])


def read_group(graph: Any, group: Any, names: dict[Any, str], order: dict[str, int]) -> Layer | None:
    """The layer that a group is, or None where it stays whole."""
    heads = head_count(graph, group, names)
    if heads is not None:
        reader = next(item.dep.target.module for item in group if is_reader(graph, item))
        group = full_group(graph, reader, 1)  # by its inputs: q, k and v then have the same roots
    channels = 1 + max(group[0].root_idxs)
    slots: list[Slot] = []
    for item in group:
        for tensor, dim, role in tensors_held(graph, item, names):
            index = unit_positions(item, channels, heads or channels)
            if index is None or role == "whole":
                return None
            slots.append(Slot(tensor, dim, index, role))
    slots.sort(key=lambda slot: order[slot.module])
    made = [slot for slot in slots if slot.role == "made" and slot.tensor.endswith("weight")]
    if not made or not any(slot.role == "read" for slot in slots):
        return None
    normed = any(isinstance(item.dep.target.module, nn.LayerNorm) for item in group)
    channel = graph.model.get_parameter(made[0].tensor).ndim > 2
    kind = "head" if heads else "embedding" if normed else "channel" if channel else "node"
    return Layer(made[0].module, kind, heads or channels, tuple(slots), coupled=len(made) > 1 and heads is None)


def unit_positions(item: Any, channels: int, count: int) -> Tensor | None:
    """[count, width] where an item of a group holds each unit; None where units are missing or of unequal width."""
    if not item.idxs or None in item.root_idxs:
        return None
    units, positions = torch.tensor(item.root_idxs) // (channels // count), torch.tensor(item.idxs)
    if not bool((units.bincount(minlength=count) * count == len(units)).all()):
        return None
    return positions[torch.argsort(units * (1 + int(positions.max())) + positions)].reshape(count, -1)


def tensors_held(graph: Any, item: Any, names: dict[Any, str]) -> Iterator[tuple[str, int, str]]:
    """(tensor, dim, role) of what an item of a group cuts; the role "whole" says that our surgery does not cut it."""
    module, out = item.dep.target.module, graph.is_out_channel_pruning_fn(item.dep.handler)
    name = names.get(module, "")
    if isinstance(module, nn.Parameter):
        yield name, item.dep.target.pruning_dim % module.ndim, "carried"
    elif isinstance(module, nn.modules.conv._ConvNd | nn.Linear):
        groups, depthwise = getattr(module, "groups", 1), is_depthwise(module)
        if getattr(module, "transposed", False) or (groups > 1 and not depthwise):
            yield name, 0, "whole"
        elif not out:
            yield f"{name}.weight", 1, "read"
        else:
            yield f"{name}.weight", 0, "carried" if depthwise else "made"
            if module.bias is not None:
                yield f"{name}.bias", 0, "made"
    elif isinstance(module, nn.modules.batchnorm._NormBase) or is_plain_norm(module):
        yield from (
            (f"{name}.{leaf}", 0, "carried") for leaf in NORM_TENSORS if getattr(module, leaf, None) is not None
        )
    elif isinstance(module, nn.PReLU):
        yield from [(f"{name}.weight", 0, "carried")] if module.num_parameters > 1 else []
    elif isinstance(module, load().ops._OutputOp) or next(module.parameters(), None) is not None:
        yield name, 0, "whole"


def is_depthwise(module: nn.Module) -> bool:
    return (
        isinstance(module, nn.modules.conv._ConvNd) and 1 < module.groups == module.in_channels == module.out_channels
    )


def is_plain_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1


def is_reader(graph: Any, item: Any) -> bool:
    return isinstance(item.dep.target.module, nn.Linear) and not graph.is_out_channel_pruning_fn(item.dep.handler)


def head_count(graph: Any, group: Any, names: dict[Any, str]) -> int | None:
    """Number of heads where all that a group makes and reads are projections of one attention module."""
    linear = [item for item in group if isinstance(item.dep.target.module, nn.Linear)]
    parents = {names[item.dep.target.module].rpartition(".")[0] for item in linear}
    if len(parents) != 1 or not any(is_reader(graph, item) for item in linear):
        return None
    attention = graph.model.get_submodule(parents.pop())
    return next(
        (getattr(attention, name) for name in HEAD_COUNTS if isinstance(getattr(attention, name, None), int)), None
    )
