"""Tensors lie in one exact layout wherever a model comes from, down to the strides of dimensions of size 1."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file
from torch import Tensor, nn

from maskbank.bank.subnets import as_entry
from maskbank.measures.cost import trace_cost
from maskbank.measures.sharpness import parameters
from maskbank.models import foreign
from maskbank.models.checkpoint import TRANSFORMS, Architecture, Transform, load_model, model_tensors
from maskbank.models.fold import fold
from maskbank.models.graph import find_layers
from maskbank.models.layout import ALIGNED, CHANNELS_LAST, ROWS, format_of, laid, lay_out, strides
from maskbank.models.surgery import slice_units, sliced
from maskbank.models.transforms import reparam
from maskbank.pruning.prune import reconstructed
from maskbank.pruning.weights import prunable_weights
from maskbank.registry import BACKBONES, WORKLOADS
from maskbank.sparse.packing import load_sparse, pack
from tests.bank.tiny import sample_of, tiny_entries
from tests.conftest import S2P

DEIT = "deit_small_patch16_224"
OPTIONS = {
    "resnet20": {"width": 4}, "resnet50": {"pretrained": False}, DEIT: {"pretrained": False},
    "vit": {"dim": 12, "depth": 2}, "cnn": {"width": 4}, "cnn_wide": {}, "cnn_deep": {}, "mlp": {},
}  # fmt: skip
LARGE = ("resnet50", DEIT)


def small_one(backbone: str, **changes: object) -> Architecture:
    channels, size = (3, 32) if backbone in LARGE else (1, 32 if backbone.startswith("paoding") else 8)
    return Architecture(backbone, 4, channels, size, OPTIONS.get(backbone, {}), **changes)  # type: ignore[arg-type]


def made(architecture: Architecture) -> nn.Module:
    torch.manual_seed(0)
    return architecture.build().eval()


def astray(model: nn.Module, format: torch.memory_format) -> list[str]:
    """Tensors that do not lie exactly as `format` says, alone and aligned."""
    state = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return [
        name
        for name, value in state.items()
        if value.stride() != strides(value.shape, format)
        or value.untyped_storage().nbytes() != value.nbytes
        or value.data_ptr() % ALIGNED
    ]


def halves(model: nn.Module, architecture: Architecture, units: str = "internal") -> dict[str, Tensor]:
    layers = find_layers(model, architecture.image, units)  # type: ignore[arg-type]
    return {layer.name: torch.arange(0, layer.count, 2) for layer in layers}


def images(architecture: Architecture) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(3, architecture.channels, architecture.size, architecture.size, generator=generator)
    return x.contiguous(memory_format=torch.channels_last)


def test_strides_by_hand() -> None:
    """A 1 x 1 and a depthwise weight count as contiguous in both formats, but the formats tell them apart."""
    assert strides(torch.Size([8, 4, 1, 1]), CHANNELS_LAST) == (4, 1, 4, 4)
    assert strides(torch.Size([8, 4, 1, 1]), ROWS) == (4, 1, 1, 1)
    assert strides(torch.Size([8, 1, 3, 3]), CHANNELS_LAST) == (9, 1, 3, 1)
    assert strides(torch.Size([8, 1, 3, 3]), ROWS) == (9, 9, 3, 1)
    assert strides(torch.Size([5, 3]), CHANNELS_LAST) == (3, 1)
    assert strides(torch.Size([]), CHANNELS_LAST) == ()


shapes = st.lists(st.integers(1, 4), max_size=5).map(torch.Size)


@given(shapes, st.sampled_from([ROWS, CHANNELS_LAST]))
def test_strides_are_those_of_a_new_tensor(shape: torch.Size, format: torch.memory_format) -> None:
    own = format if len(shape) == 4 else ROWS
    assert strides(shape, format) == torch.empty(shape, memory_format=own).stride()


@given(shapes, st.sampled_from([ROWS, CHANNELS_LAST]), st.permutations(range(5)))
def test_whatever_it_lay_like_before(shape: torch.Size, format: torch.memory_format, order: list[int]) -> None:
    """Transposed, cut from a larger tensor or begun at an odd address: the values stay, the layout is the one asked for."""
    order = [dim for dim in order if dim < len(shape)]
    whole = torch.arange(1.0 + torch.Size(shape).numel())[1:]
    value = whole.reshape([shape[dim] for dim in order]).permute([order.index(dim) for dim in range(len(shape))])
    found = laid(value, format)
    assert torch.equal(found, value)
    assert not astray(Holder(found), format)
    assert laid(found, format) is found


class Holder(nn.Module):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.register_buffer("value", value)


def test_formats_are_read_off_the_strides() -> None:
    for shape in ((8, 4, 3, 3), (8, 4, 1, 1), (8, 1, 3, 3), (1, 4, 1, 1)):
        assert format_of(torch.empty(shape).to(memory_format=torch.channels_last)) is CHANNELS_LAST
        assert format_of(torch.empty(shape)) is ROWS
    assert format_of(torch.empty(4, 8).T) is ROWS


def test_parameters_stay_the_same_objects() -> None:
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.Conv2d(2, 4, 3))
    model[1].weight = model[0].weight
    weight = model[0].weight
    lay_out(model, CHANNELS_LAST)
    assert model[0].weight is model[1].weight is weight
    assert not astray(model, CHANNELS_LAST)


@pytest.mark.parametrize(
    "backbone", [pytest.param(name, marks=[pytest.mark.nightly] * (name == DEIT)) for name in BACKBONES.names()]
)
def test_every_backbone_built_cut_saved_and_loaded(backbone: str, tmp_path: Path) -> None:
    """All units may go, so that every tensor is cut once: a layer's output, its input, or both."""
    architecture = small_one(backbone)
    model, x = made(architecture), images(architecture)
    kept = halves(model, architecture, "all")
    layers = find_layers(model, architecture.image, "all")
    small = slice_units(model, layers, kept)
    assert not astray(model, CHANNELS_LAST)
    assert not astray(small, CHANNELS_LAST)
    with sliced(model, layers, kept):
        assert not astray(model, CHANNELS_LAST)
        assert torch.equal(model(x), small(x))
    save_file(model_tensors(small), tmp_path / "small.safetensors")
    counts = {name: len(index) for name, index in kept.items()}
    loaded = load_model(small_one(backbone, counts=counts), tmp_path / "small.safetensors")
    assert not astray(loaded, CHANNELS_LAST)
    assert torch.equal(loaded(x), small(x))


@pytest.mark.parametrize("how", ["none", "mean", "bias", "merge"])
@pytest.mark.parametrize("backbone", ["resnet20", "vit", "cnn"])
def test_reconstructed_models(backbone: str, how: str) -> None:
    architecture = small_one(backbone)
    model = made(architecture)
    cost, kept = trace_cost(model, architecture.image), halves(model, architecture)
    assert not astray(reconstructed(model, cost, kept, how, sample_of(architecture)), CHANNELS_LAST)


@pytest.mark.parametrize("backbone", ["resnet20", "vit"])
def test_transformed_and_folded_models(backbone: str, tmp_path: Path) -> None:
    """Folded by hand or built folded and loaded: the same answers to the bit."""
    parallel = small_one(backbone, transform=S2P)
    model, x = made(parallel), images(parallel)
    assert not astray(model, CHANNELS_LAST)
    folded = fold(model)
    assert not astray(folded, CHANNELS_LAST)
    save_file(model_tensors(folded), tmp_path / "folded.safetensors")
    loaded = load_model(small_one(backbone, transform=S2P, folded=True), tmp_path / "folded.safetensors")
    assert torch.equal(loaded(x), folded(x))


@pytest.mark.parametrize("name", list(TRANSFORMS))
def test_transforms_of_a_model_already_made(name: str) -> None:
    model = Transform(name).apply(made(small_one("resnet20")))
    assert not astray(model, CHANNELS_LAST)
    if name == "reparam":
        assert not astray(reparam.merge(model), CHANNELS_LAST)


@pytest.mark.parametrize("backbone", ["resnet20", "vit", "cnn"])
def test_sparse_checkpoints(backbone: str, tmp_path: Path) -> None:
    architecture = small_one(backbone)
    model, x = made(architecture), images(architecture)
    masks = {name: torch.rand(weight.shape) < 0.5 for name, weight in prunable_weights(model).items()}
    with torch.no_grad():
        for name, mask in masks.items():
            model.get_parameter(name).masked_fill_(~mask, 0.0)
    save_file(pack(model, masks), tmp_path / "sparse.safetensors")
    loaded, _ = load_sparse(architecture, tmp_path / "sparse.safetensors")
    assert not astray(loaded, CHANNELS_LAST)
    assert torch.equal(loaded(x), model(x))


def test_an_entry_of_a_bank() -> None:
    architecture = small_one("resnet20")
    model = made(architecture)
    entry = tiny_entries(model, architecture.image)[0]
    with as_entry(model, find_layers(model, architecture.image), entry):
        assert not astray(model, CHANNELS_LAST)


COPIES: dict[str, Callable[[nn.Module], nn.Module]] = {
    "moved": lambda model: model.to("cpu"),
    "double": nn.Module.double,
}


@pytest.mark.parametrize("copied", list(COPIES))
def test_conversions_keep_it(copied: str) -> None:
    assert not astray(COPIES[copied](made(small_one("resnet20"))), CHANNELS_LAST)


@pytest.mark.parametrize("name", ["mobile", "vgg"])
def test_models_of_the_users_own_lie_in_rows(name: str, tmp_path: Path) -> None:
    """Depthwise and 1 x 1 weights among them; one whose builder chose channels last too. Loaded from a file or cut: the same."""
    model, x = foreign.build(f"tests.toy_models:{name}", {}), torch.randn(3, 1, 8, 8)
    assert not astray(model, ROWS)
    layers = find_layers(model, (1, 8))
    small = slice_units(model, layers, {layer.name: torch.arange(0, layer.count, 2) for layer in layers})
    assert not astray(small, ROWS)
    foreign.save_model(tmp_path, small, f"tests.toy_models:{name}", {}, {"image": [1, 8, 8]})
    loaded = foreign.load_model(tmp_path)
    assert not astray(loaded, ROWS)
    assert torch.equal(loaded(x), small(x))


def test_models_of_workloads_lie_in_rows() -> None:
    few = {"train": 4, "validation": 4, "test": 4}
    for name in WORKLOADS.names():
        assert not astray(WORKLOADS.module(name).workload(**few).build(), ROWS), name


def test_sharpness_works_in_rows() -> None:
    model = made(small_one("resnet20"))
    assert not astray(model, CHANNELS_LAST)
    values = parameters(model)
    assert [name for name, value in values.items() if value.stride() != strides(value.shape, ROWS)] == []
