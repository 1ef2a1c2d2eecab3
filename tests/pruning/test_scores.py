"""Every listed method is constructed and run; the definitions on networks small enough to check."""

import pytest
import torch
from torch.nn import functional as F

from maskbank.bank.entry import Bank, Entry
from maskbank.models.checkpoint import Architecture
from maskbank.models.units import Gates, find_layers, ones
from maskbank.pruning.sample import Sample
from maskbank.pruning.scores import l2, taylor
from maskbank.registry import METHODS, SCORES
from maskbank.training.batchnorm import batch_statistics
from tests.conftest import lively


def sample_of(architecture: Architecture, seed: int = 0) -> Sample:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(48, architecture.channels, architecture.size, architecture.size, generator=generator)
    return Sample(x, torch.randint(0, architecture.classes, (48,), generator=generator), generator)


def tiny_bank(model: torch.nn.Module, classes: tuple[int, ...] = (4, 5)) -> Bank:
    generator = torch.Generator().manual_seed(3)
    layers, width = find_layers(model), model.get_classifier().in_features
    entries = []
    for number in range(3):
        soft = {layer.name: torch.rand(layer.count, generator=generator) for layer in layers}
        mask = {name: (value >= value.median()).float() for name, value in soft.items()}
        head = torch.randn(len(classes), width, generator=generator)
        entries.append(Entry(f"b{number}", classes, mask, soft, head, torch.zeros(len(classes)), 0.5))
    return Bank("hash", tuple(entries))


@pytest.mark.parametrize("name", METHODS.names())
def test_every_method_scores_every_unit(name: str, architecture: Architecture) -> None:
    torch.manual_seed(0)
    model, module = architecture.build().eval(), METHODS.module(name)
    layers = find_layers(model)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    context = () if name in SCORES.names() else (tiny_bank(model), (0, 1))
    first = module.score(model, layers, sample_of(architecture), *context)
    again = module.score(model, layers, sample_of(architecture), *context)
    for layer in layers:
        assert first[layer.name].shape == (layer.count,)
        assert first[layer.name].isfinite().all()
        assert torch.equal(first[layer.name], again[layer.name]), "same seed, same scores"
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items()), "scores are pure"
    assert module.ROLE in ("method", "rival", "control", "reference")


def test_l2_is_the_norm_of_a_units_weights(small: Architecture) -> None:
    model = small.build()
    layer = find_layers(model)[0]
    with torch.no_grad():
        model.get_parameter(f"{layer.producers[0]}.weight")[2] = 0
    scores = l2.score(model, [layer], sample_of(small))[layer.name]
    assert scores[2] == 0
    assert scores[0] == pytest.approx(
        float(model.get_parameter(f"{layer.producers[0]}.weight")[0].detach().norm()), rel=1e-6
    )


def test_taylor_is_the_squared_derivative_at_the_gates(architecture: Architecture) -> None:
    """Against central differences of the loss in each gate, one batch, in float64."""
    model = lively(architecture)
    layers = find_layers(model)[-1:]
    sample = sample_of(architecture)
    x, y = sample.x[:32].double(), sample.y[:32]
    scores = taylor.score(model, layers, Sample(x, y, sample.generator))[layers[0].name]
    for unit in range(2):
        losses = []
        for shift in (1e-7, -1e-7):
            gates = {name: gate.double() for name, gate in ones(layers).items()}
            gates[layers[0].name][unit] += shift
            with batch_statistics(model), Gates(model, layers, gates), torch.no_grad():
                losses.append(float(F.cross_entropy(model(x), y)))
        slope = (losses[0] - losses[1]) / 2e-7
        assert float(scores[unit]) == pytest.approx(slope**2, rel=1e-3, abs=1e-9)
