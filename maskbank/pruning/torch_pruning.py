"""torch-pruning as an opponent and as a host: its importances as scores of ours, our scores as an importance of its."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.errors import InputError
from maskbank.models.surgery import Kept
from maskbank.models.torch_pruning import dependency_graph, full_group, load
from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample, Scores

Learn = Callable[[nn.Module, Sample, Any], None]  # fills the gradients that an importance reads


def importance_scores(
    model: nn.Module, layers: list[Layer], sample: Sample, make: Callable[[ModuleType], Any], learn: Learn | None = None
) -> Scores:
    """Scores by the importance that `make` builds, asked once a layer for the group over all outputs of its first maker.

    A head's channels are added up. Raises InputError where the importance has nothing to say about a layer.
    """
    importance = make(load())
    graph = dependency_graph(model, torch.zeros(1, *sample.x.shape[1:], dtype=sample.x.dtype))
    if learn is not None:
        learn(graph.model, sample, importance)
    return {layer.name: group_scores(graph, layer, importance) for layer in layers}


def group_scores(graph: Any, layer: Layer, importance: Callable[[Any], Tensor | None]) -> Tensor:
    """[count] an importance of torch-pruning for one layer; heads are asked for at what reads them (q, k, v as one)."""
    slot = layer.read[0] if layer.kind == "head" else layer.made[0]
    name, group = type(importance).__name__, full_group(graph, graph.model.get_submodule(slot.module), slot.dim)
    try:
        values = importance(group)
    except (RuntimeError, IndexError) as error:
        reason = str(error).split("\n")[0]
        raise InputError(f"{layer.name}: torch-pruning's {name} fails here ({reason}); use another tp_ score") from None
    if values is None:
        raise InputError(f"{layer.name}: torch-pruning's {name} has nothing to score here; use another tp_ score")
    return values.detach()[slot.index].sum(1)


def learn_gradients(model: nn.Module, sample: Sample, _: Any) -> None:
    """The gradient of the mean cross-entropy, in eval mode."""
    for x, y in sample.chunks():
        (F.cross_entropy(model(x), y, reduction="sum") / len(sample.y)).backward()


def learn_squares(model: nn.Module, sample: Sample, importance: Any) -> None:
    """One gradient an example, handed to the importance that accumulates their squares."""
    for x, y in sample.chunks():
        for loss in F.cross_entropy(model(x), y, reduction="none"):
            model.zero_grad()
            loss.backward(retain_graph=True)
            importance.accumulate_grad(model)


@torch.no_grad()
def learn_activations(model: nn.Module, sample: Sample, importance: Any) -> None:
    """One forward of the whole sample: each forward overwrites what the importance has seen before."""
    with importance.compute_importance(model):
        model(sample.x)


def as_importance(
    score: Callable[[nn.Module, list[Layer], Sample], Scores], model: nn.Module, layers: list[Layer], sample: Sample
) -> Callable[[Any], Tensor | None]:
    """One of our scores as the `importance` of a torch-pruning pruner of the same model: `importance(group) -> [channels]`.

    Scores are computed here, once; a pruner that has cut the model needs a new one. Every channel of a unit gets the
    unit's score, and groups that are not among `layers` get None, which torch-pruning leaves whole.
    """
    scores = score(model, layers, sample)
    values: dict[tuple[nn.Module, bool], Tensor] = {}
    for layer in layers:
        for slot in layer.slots:
            if slot.tensor.endswith(".weight"):
                size = model.get_parameter(slot.tensor).shape[slot.dim]
                key = model.get_submodule(slot.module), slot.dim == 0
                wide = values.setdefault(key, torch.full((size,), torch.nan))
                wide[slot.index] = scores[layer.name][:, None].float()

    def importance(group: Any) -> Tensor | None:
        dep, indices = group[0]
        wide = values.get((dep.target.module, group._DG.is_out_channel_pruning_fn(dep.handler)))
        if wide is None or bool(wide.isnan().any()):
            return None
        if len(wide) != len(indices):
            raise InputError(
                f"importance of {len(wide)} channels asked for {len(indices)}: the model was cut; make a new one"
            )
        return wide

    return importance


def kept_by(history: list, layers: list[Layer]) -> Kept:
    """The units that a pruner's `pruning_history()` leaves of the layers it began with, after one step."""
    gone = {(module, bool(out)): indices for module, out, indices in history}
    kept = {}
    for layer in layers:
        stays = torch.ones(layer.count, dtype=torch.bool)
        for slot in layer.slots:
            cut = gone.get((slot.module, slot.dim == 0))
            if cut is not None and slot.tensor.endswith(".weight"):
                stays &= ~torch.isin(slot.index, torch.tensor(cut)).any(1)
        kept[layer.name] = stays.nonzero().flatten()
    return kept
