"""Small banks and targets for tests, in memory."""

import torch
from torch import Tensor, nn

from maskbank.bank.entry import Entry
from maskbank.bank.identity import Identity
from maskbank.bank.pack import pack_of
from maskbank.bank.record import encode
from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.measures.cost import trace_cost
from maskbank.models.checkpoint import Architecture
from maskbank.models.graph import find_layers
from maskbank.models.heads import features
from maskbank.pruning.sample import Sample


def sample_of(architecture: Architecture, seed: int = 0, count: int = 48) -> Sample:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, architecture.channels, architecture.size, architecture.size, generator=generator)
    return Sample(x, torch.randint(0, architecture.classes, (count,), generator=generator), generator)


def tiny_entries(
    model: nn.Module, image: tuple[int, int], classes: tuple[tuple[int, ...], ...] = ((4, 5), (6, 7), (4, 7))
) -> list[Entry]:
    """One entry for each set of classes: half of the units of each layer, random heads and prototypes."""
    generator = torch.Generator().manual_seed(3)
    layers, width = find_layers(model, image), model.get_classifier().in_features
    entries = []
    for number, own in enumerate(classes):
        soft = {layer.name: torch.rand(layer.count, generator=generator) for layer in layers}
        mask = {name: (value >= value.median()).float() for name, value in soft.items()}
        head, bias = torch.randn(len(own), width, generator=generator), torch.zeros(len(own))
        prototypes = torch.randn(len(own), width, generator=generator)
        entries.append(Entry(f"b{number}", "main", own, mask, soft, head, bias, prototypes, 0.5, {"learner": "amp"}))
    return entries


def bank_of(model: nn.Module, image: tuple[int, int], entries: list[Entry]) -> MaskBank:
    layers = tuple((layer.name, layer.kind, layer.count) for layer in find_layers(model, image))
    identity = Identity("tiny", "hash", layers, model.get_classifier().in_features)
    return MaskBank(identity, [pack_of(encode(identity, entry)) for entry in entries])


def tiny_bank(model: nn.Module, image: tuple[int, int]) -> MaskBank:
    return bank_of(model, image, tiny_entries(model, image))


def target_of(
    model: nn.Module, architecture: Architecture, sample: Sample, classes: tuple[int, ...] = (0, 1, 2, 3)
) -> Target:
    def means() -> Tensor:
        with torch.no_grad():
            seen = features(model, sample.x)
        return torch.stack([seen[sample.y == label].mean(0) for label in range(len(classes))])

    return Target(
        dataset="main", classes=classes, sample=sample, cost=trace_cost(model, architecture.image), budget=0.5,
        means=means, batches=lambda steps: iter([(sample.x[:16], sample.y[:16])] * steps),
    )  # fmt: skip
