"""Plain networks: published parameter counts to the last one, timm's interface, sizes and options that do not fit."""

import pytest
import torch
from torch import nn

from maskbank.errors import InputError
from maskbank.models.checkpoint import Architecture
from maskbank.models.heads import features, replace_head
from maskbank.models.plain import Conv, map_side, paoding_convs
from maskbank.registry import BACKBONES
from tests.toy_models import IMAGE, MODELS


def build(name: str, classes: int, channels: int, size: int, **options: int) -> nn.Module:
    torch.manual_seed(0)
    return Architecture(name, classes, channels, size, options).build()


def trained(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def carried(model: nn.Module) -> int:
    """Running means and variances, which Keras counts as parameters too (its "non-trainable" ones)."""
    return sum(value.numel() for name, value in model.named_buffers() if "running" in name)


@pytest.mark.parametrize(
    ("name", "classes", "channels", "size", "weights", "statistics", "published"),
    [
        ("mlp", 1, 29, 1, 6_145, 0, 6_145),
        ("paoding_xray", 1, 1, 64, 557_185, 1_088, 558_273),
        ("paoding_mnist", 10, 1, 28, 753_226, 512, 753_738),
        ("paoding_cifar", 10, 3, 32, 753_866, 0, 753_866),
    ],
)
def test_published_parameter_counts(
    name: str, classes: int, channels: int, size: int, weights: int, statistics: int, published: int
) -> None:
    model = build(name, classes, channels, size)
    assert (trained(model), carried(model)) == (weights, statistics)
    assert weights + statistics == published


def test_small_cnn_by_hand() -> None:
    """conv 1-16-32, 3 x 3, on 8 x 8 pixels; the 2 x 2 map makes 128 inputs; dense 64-32, 4 logits."""
    expected = (16 * 9 + 16) + (16 * 32 * 9 + 32) + (128 * 64 + 64) + (64 * 32 + 32) + (32 * 4 + 4)
    model = build("cnn", 4, 1, 8)
    assert trained(model) == expected
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert names == ["features.conv1", "features.conv2", "hidden.fc1", "hidden.fc2", "head"]


def test_options_of_the_small_models() -> None:
    assert trained(build("mlp", 3, 2, 2, width=5, depth=1)) == (8 * 5 + 5) + (5 * 3 + 3)
    wide = build("cnn", 4, 1, 8, width=4, depth=3, dense=8, dense_depth=1, norm=True)
    shapes = [tuple(module.weight.shape) for module in wide.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert shapes == [(4, 1, 3, 3), (8, 4, 3, 3), (16, 8, 3, 3), (8, 16), (4, 8)]
    assert sum(isinstance(module, nn.BatchNorm2d) for module in wide.modules()) == 3


def test_sides_of_maps() -> None:
    """Unpadded on 28: 26 24 12 10 8 4 2 1. Padded pools round up: 7 4 2. An unpadded pool rounds down: 7 5 2."""
    assert [map_side(size, paoding_convs(norm=False)) for size in (27, 28, 32, 35, 36)] == [0, 1, 1, 1, 2]
    assert map_side(7, [Conv(1), Conv(1)]) == 2
    assert map_side(7, [Conv(1, padded=False)]) == 2
    assert map_side(64, [Conv(1)] * 5) == 2


@pytest.mark.parametrize(
    ("name", "sizes"),
    [("mlp", (1, 8)), ("cnn", (1, 2, 7, 8)), ("paoding_xray", (1, 20, 33)), ("paoding_mnist", (28, 33, 36))],
)
def test_any_size_that_fits_builds_with_timms_interface(name: str, sizes: tuple[int, ...]) -> None:
    for size in sizes:
        model = build(name, 4, 2, size).eval()
        x = torch.rand(3, 2, size, size)
        logits = model(x)
        assert logits.shape == (3, 4)
        assert torch.equal(model.get_classifier()(features(model, x)), logits)
        replace_head(model, nn.Linear(model.get_classifier().in_features, 2))
        assert model(x).shape == (3, 2)


def test_layout_of_memory_does_not_change_what_dense_layers_read() -> None:
    model, x = build("cnn", 4, 2, 8).double().eval(), torch.rand(3, 2, 8, 8, dtype=torch.float64)
    assert torch.allclose(model(x), model(x.contiguous(memory_format=torch.channels_last)))


def test_normalisation_stands_behind_the_activation() -> None:
    names = [name for name, _ in build("paoding_mnist", 10, 1, 28).features.named_children()]
    assert names[-4:] == ["conv5", "relu5", "norm5", "pool5"]
    assert [name for name in names if name.startswith("norm")] == ["norm5"]
    assert [name for name in names if name.startswith("pool")] == ["pool2", "pool4", "pool5"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("paoding_mnist", {}, r"data\.size = 20: paoding_mnist needs images of at least 28 pixels a side"),
        ("paoding_cifar", {}, r"data\.size = 20: paoding_cifar needs"),
        ("mlp", {"width": 0}, r"models\.mlp\.width = 0: expected a whole number, 1 or more"),
        ("mlp", {"depth": 1.5}, r"models\.mlp\.depth = 1\.5"),
        ("cnn", {"depth": 0}, r"models\.cnn\.depth = 0"),
        ("cnn", {"dense": 4, "dense_depth": 4}, r"models\.cnn\.dense = 4: halves to nothing .*; at least 8"),
    ],
)
def test_what_cannot_be_built_is_said(name: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(name, 10, 1, 20, **options)


def test_options_that_params_may_set() -> None:
    assert BACKBONES.options("mlp") == ["width", "depth"]
    assert BACKBONES.options("cnn") == ["width", "depth", "dense", "dense_depth", "norm"]
    assert BACKBONES.options("paoding_xray") == []


@pytest.mark.parametrize("name", list(MODELS))
def test_models_for_tests_are_small_and_take_the_image(name: str) -> None:
    model = MODELS[name]().eval()
    assert trained(model) <= 30_000
    assert model(torch.rand(2, IMAGE[0], IMAGE[1], IMAGE[1])).shape == (2, 4)
