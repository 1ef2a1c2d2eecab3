"""Masked and sliced networks agree; folding keeps the logits; checkpoints come back."""

import contextlib
from pathlib import Path

import pytest
import torch
from safetensors.numpy import save_file

from maskbank.errors import InputError
from maskbank.models.checkpoint import Architecture, load_model, model_tensors
from maskbank.models.graph import find_layers
from maskbank.models.surgery import slice_units, sliced
from maskbank.models.units import Gates, Layer
from tests.conftest import ARCHITECTURES, random_model


def layers_of(model: torch.nn.Module, architecture: Architecture) -> list[Layer]:
    return find_layers(model, architecture.image)


def random_kept(layers: list[Layer], fraction: float = 0.4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        layer.name: torch.randperm(layer.count, generator=generator)[: max(1, int(fraction * layer.count))]
        .sort()
        .values
        for layer in layers
    }


def images(architecture: Architecture) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(3, architecture.channels, architecture.size, architecture.size, generator=generator).double()


def test_sliced_equals_masked(architecture: Architecture) -> None:
    model, x = random_model(architecture), images(architecture)
    layers = layers_of(model, architecture)
    kept = random_kept(layers)
    gates = {layer.name: torch.zeros(layer.count).index_fill(0, kept[layer.name], 1.0) for layer in layers}
    with Gates(model, layers, gates):
        masked = model(x)
    sliced = slice_units(model, layers, kept)
    assert (sliced(x) - masked).abs().max() < 1e-10
    assert (masked - model(x)).abs().max() > 1e-3, "the mask must do something"
    left = {layer.name: layer.count for layer in layers_of(sliced, architecture)}
    assert left == {name: len(index) for name, index in kept.items()}


def test_keeping_everything_changes_nothing(architecture: Architecture) -> None:
    model, x = random_model(architecture), images(architecture)
    layers = layers_of(model, architecture)
    everything = {layer.name: torch.arange(layer.count) for layer in layers}
    assert torch.equal(slice_units(model, layers, everything)(x), model(x))


def test_checkpoint_of_a_sliced_model_comes_back(architecture: Architecture, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = architecture.build().eval()
    layers = layers_of(model, architecture)
    kept = random_kept(layers)
    sliced = slice_units(model, layers, kept)
    save_file(model_tensors(sliced), tmp_path / "model.safetensors")
    described = Architecture.of(
        {**architecture.describe(), "counts": {name: len(index) for name, index in kept.items()}}
    )
    x = images(architecture).float()
    assert torch.equal(load_model(described, tmp_path / "model.safetensors")(x), sliced(x))


def test_bad_checkpoints_are_named(small: Architecture, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match="no such checkpoint"):
        load_model(small, path)
    save_file(model_tensors(small.build()), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="not a readable checkpoint"):
        load_model(small, path)
    save_file(model_tensors(ARCHITECTURES["vit"].build()), path)
    with pytest.raises(InputError, match="not a checkpoint of resnet20"):
        load_model(small, path)


def test_sliced_for_a_while_and_then_as_before(architecture: Architecture) -> None:
    """Inside the context the model answers as its sliced copy does; after it everything is what it was."""
    torch.manual_seed(0)
    model = architecture.build().eval()
    layers = find_layers(model, architecture.image)
    kept = {layer.name: torch.arange(0, layer.count, 2) for layer in layers}
    x = torch.randn(4, architecture.channels, architecture.size, architecture.size)
    tensors = dict(model.named_parameters())
    attributes = [{**module.__dict__, "_modules": dict(module._modules)} for module in model.modules()]
    before = model(x)
    expected = slice_units(model, layers, kept)(x)
    with sliced(model, layers, kept):
        assert torch.equal(model(x), expected)
    with contextlib.suppress(ZeroDivisionError), sliced(model, layers, kept):
        raise ZeroDivisionError
    assert torch.equal(model(x), before)
    assert all(value is tensors[name] for name, value in model.named_parameters())
    for module, was in zip(model.modules(), attributes, strict=True):
        plain = {name: value for name, value in was.items() if isinstance(value, int | tuple)}
        assert {name: module.__dict__[name] for name in plain} == plain
