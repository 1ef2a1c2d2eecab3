"""Labels: which features of which tensor are which units, as far as a run on shapes has come."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from maskbank.models.trace import FIXED, Trace


def tensors_in(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)


class Labels:
    """The numbers of each tensor's features, and what has been seen of them.

    Labels are integer tensors that broadcast to the shape of what they label; a tensor without labels has no features
    that can be cut. `state` are the stored tensors of the model, by name.
    """

    def __init__(self, model: nn.Module, state: dict[str, Tensor]) -> None:
        self.seen = Trace()
        self.names = {id(value): name for name, value in state.items()}
        self.modules = dict(model.named_modules())
        self.ids: dict[int, Tensor] = {}
        self.alive: list[Tensor] = []  # keeps ids unique while the run lasts
        self.maker: dict[int, str] = {}

    def label(self, tensor: Tensor, ids: Tensor | None) -> None:
        self.alive.append(tensor)
        if ids is not None:
            self.ids[id(tensor)] = ids

    def of(self, value: object) -> Tensor | None:
        """Labels of a tensor; a parameter used by itself makes its own features along its last dimension."""
        if not isinstance(value, Tensor):
            return None
        found = self.ids.get(id(value))
        name = self.names.get(id(value))
        if found is None and name is not None and value.ndim > 0 and value.shape[-1] > 1:
            dim = value.ndim - 1
            ids = self.seen.bind(name, dim, self.seen.fresh(value.shape[dim]), "carried")
            found = ids.reshape([1] * dim + [-1])
            self.label(value, found)
        return found

    def pin(self, tensor: Tensor, why: str) -> None:
        ids = self.ids.get(id(tensor))
        if ids is not None:
            self.seen.unify(ids, torch.full((ids.numel(),), FIXED))
            self.seen.pinned[why].add(self.maker.get(id(tensor), ""))

    def unknown(self, name: str, inputs: list[Tensor], result: object) -> None:
        for tensor in inputs:
            if self.ids.get(id(tensor)) is not None:
                self.pin(tensor, name)
        for tensor in tensors_in(result):
            self.label(tensor, None)

    def weighted(self, weight: object) -> str | None:
        """Name of the module whose own weight this is: one whose input can be gated and whose weight can be cut."""
        name = self.names.get(id(weight), "")
        module = self.modules.get(name.removesuffix(".weight"))
        plain = isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)
        return name.removesuffix(".weight") if plain and name.endswith(".weight") else None
