"""What a removed unit would have been: its mean over a sample, or, without data, its expected value behind its norm."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from maskbank.models.units import Layer, Slot, feature_axis
from maskbank.pruning.recording import ACTIVATIONS, Recording
from maskbank.pruning.sample import Sample


@torch.no_grad()
def reader_means(model: nn.Module, layers: list[Layer], sample: Sample) -> dict[str, Tensor]:
    """{reader module: [features]} the mean over images and positions of what each reader reads, float64, eval mode."""
    names = {slot.module for layer in layers for slot in layer.read}
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = dict.fromkeys(names, 0)

    def look(name: str, module: nn.Module, x: Tensor) -> None:
        rows = x.movedim(feature_axis(module), -1).flatten(0, -2).double()
        sums[name] = sums.get(name, 0) + rows.sum(0)
        counts[name] += len(rows)

    handles = [
        model.get_submodule(name).register_forward_pre_hook(
            lambda module, inputs, name=name: look(name, module, inputs[0])
        )
        for name in names
    ]
    modes = {module: module.training for module in model.modules()}
    model.eval()
    dtype = next(model.parameters()).dtype
    try:
        for x, _ in sample.chunks():
            model(x.to(dtype))
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    return {name: total / counts[name] for name, total in sums.items()}


def expected(layer: Layer, slot: Slot, seen: Recording) -> Tensor | None:
    """[count] expected value of each unit where `slot` reads it, without data: E f(beta + |gamma| z), z standard normal.

    beta and gamma are those of the nearest norm before the reader, f the activation behind it. Without a norm: f of the
    unit's bias. None where something else lies between (a gate, a sum, attention). Our reading.
    """
    held = {each.tensor: each for each in (*layer.made, *layer.carried)}
    readers = seen.using(slot.tensor)
    path = seen.path(readers[0], {name for name in held if name.endswith("weight")}) if readers else None
    if path is None or any(seen.operations[place].norm for place in path[1:]):
        return None
    start = seen.operations[path[0]]
    index = held[seen.tensor(start)].index
    weight, bias = start.weight, start.values("bias")
    mean = weight.new_zeros(len(weight)) if bias is None else bias
    spread = weight.abs() if start.norm else torch.zeros_like(mean)
    names = [seen.operations[place].name for place in path[1:] if seen.operations[place].activation]
    return after(names, mean, spread)[index].mean(1)


def after(names: list[str], mean: Tensor, spread: Tensor) -> Tensor:
    """[n] expected value after these activations of a normal variable; relu in closed form, others by quadrature."""
    if not names:
        return mean
    if names == ["relu"]:
        ratio = mean / spread.clamp_min(1e-300)
        density = torch.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
        return torch.where(spread > 0, mean * torch.special.ndtr(ratio) + spread * density, mean.relu())
    nodes, weights = (torch.from_numpy(each) for each in np.polynomial.hermite_e.hermegauss(64))
    values = mean[:, None] + spread[:, None] * nodes
    for name in names:
        values = ACTIVATIONS[name](values)
    return values @ weights / math.sqrt(2 * math.pi)
