"""Models that torchao runs in int8: which layers, what they answer, what is said where it cannot be."""

import copy
import sys

import pytest
import torch
from torch import nn

from maskbank.errors import InputError
from maskbank.measures.int8 import int8_model
from maskbank.pruning.compressors.quantize import compress
from maskbank.pruning.sample import Sample
from maskbank.pruning.weights import prunable_weights
from tests import toy_models
from tests.conftest import ARCHITECTURES


def inner(model: nn.Module) -> list[str]:
    return [name.removesuffix(".weight") for name in prunable_weights(model)]


def integers(model: nn.Module) -> set[str]:
    """Names of the weights that are held in int8."""
    return {name for name, weight in model.named_parameters() if hasattr(weight, "qdata")}


@pytest.mark.parametrize("name", ["vit", "parallel vit", "glu"])
def test_linear_layers_but_stem_and_classifier_run_in_int8_and_answer_as_simulated(name: str) -> None:
    torch.manual_seed(0)
    model = toy_models.glu() if name == "glu" else ARCHITECTURES[name].build()
    state, x = copy.deepcopy(model.train().state_dict()), torch.randn(50, 1, 8, 8)
    executed = int8_model(model, inner(model))
    assert integers(executed) == set(prunable_weights(model))
    assert all(
        weight.qdata.dtype == torch.int8 for name, weight in executed.named_parameters() if name in integers(executed)
    )
    assert integers(model) == set()
    assert model.training
    assert not executed.training
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    simulated = copy.deepcopy(model)
    compress(simulated, 8, Sample(x, torch.zeros(50), torch.Generator()), 8, grid="full", layers="linear")
    seen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for layer in inner(model):
        executed.get_submodule(layer).register_forward_hook(
            lambda _, inputs, output, layer=layer: seen.update({layer: (inputs[0], output)})
        )
    with torch.no_grad():
        executed(x)
        assert set(seen) == set(inner(model))
        for layer, (inputs, theirs) in seen.items():
            ours, floating = simulated.get_submodule(layer)(inputs), model.get_submodule(layer)(inputs)
            assert (ours - theirs).abs().max() < 0.002 * (floating - theirs).abs().max(), layer


def test_convolutions_stay_float() -> None:
    model = toy_models.vgg()
    assert integers(int8_model(model, inner(model))) == {"11.weight"}


def test_what_torchao_cannot_run_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    convolutions = ARCHITECTURES["resnet"].build()
    with pytest.raises(
        InputError, match="has no linear layer but stem and classifier, and torchao runs no convolutions"
    ):
        int8_model(convolutions, inner(convolutions))
    monkeypatch.setitem(sys.modules, "torchao", None)
    model = toy_models.glu()
    with pytest.raises(InputError, match=r"^torchao is not installed.*pip install 'maskbank\[int8\]'$"):
        int8_model(model, inner(model))
