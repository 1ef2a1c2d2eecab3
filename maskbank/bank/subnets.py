"""Sub-networks of a bank's entries on one and the same images: sliced, with what they share computed once."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from maskbank.bank.entry import Entry
from maskbank.models.heads import replace_head
from maskbank.models.layout import laid
from maskbank.models.surgery import kept_of, sliced
from maskbank.models.units import Layer
from maskbank.training.batchnorm import batch_statistics


@contextlib.contextmanager
def as_entry(model: nn.Module, layers: list[Layer], entry: Entry) -> Iterator[None]:
    """The model as the bank task's sub-network, for as long as the context lasts: sliced to its mask, with its own head."""
    with sliced(model, layers, kept_of(entry.mask)):
        head = nn.Linear(entry.head_weight.shape[1], len(entry.classes))
        head.weight, head.bias = nn.Parameter(laid(entry.head_weight)), nn.Parameter(laid(entry.head_bias))
        replace_head(model, head)
        yield


class Recorded(nn.Module):
    """A module whose outputs are known: it gives them out in turn."""

    def __init__(self, outputs: Sequence[Tensor]) -> None:
        super().__init__()
        self.outputs = iter(outputs)

    def forward(self, *_: object) -> Tensor:
        return next(self.outputs)


class Subnets:
    """`chunks` are batches of images; BatchNorm works on each one's own statistics, as masks were learned."""

    @torch.no_grad()
    def __init__(self, model: nn.Module, layers: list[Layer], chunks: Sequence[Tensor]) -> None:
        self.model, self.layers, self.chunks = model, layers, chunks
        self.prefix = shared_prefix(model, layers, chunks)

    @torch.no_grad()
    def logits(self, entry: Entry) -> Tensor:
        """[N, ways of the entry]. The model is as before when it returns."""
        with as_entry(self.model, self.layers, entry):
            for name, outputs in self.prefix.items():
                setattr(self.model, name, Recorded(outputs))
            with batch_statistics(self.model):
                return torch.cat([self.model(x) for x in self.chunks])


class Reached(Exception):
    """The first part with units to remove is about to run."""


def shared_prefix(model: nn.Module, layers: list[Layer], chunks: Sequence[Tensor]) -> dict[str, list[Tensor]]:
    """Outputs, by chunk, of the model's own parts that run before the first one with a unit to remove."""
    touched = {slot.tensor.split(".")[0] for layer in layers for slot in layer.slots}
    outputs: dict[str, list[Tensor]] = {name: [] for name, _ in model.named_children() if name not in touched}

    def stop(*_: object) -> None:
        raise Reached

    def keeper(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        return lambda module, given, output: outputs[name].append(output)

    handles = [
        module.register_forward_pre_hook(stop) if name in touched else module.register_forward_hook(keeper(name))
        for name, module in model.named_children()
    ]
    try:
        with batch_statistics(model):
            for x in chunks:
                with contextlib.suppress(Reached):
                    model(x)
    finally:
        for handle in handles:
            handle.remove()
    return {name: found for name, found in outputs.items() if len(found) == len(chunks)}
