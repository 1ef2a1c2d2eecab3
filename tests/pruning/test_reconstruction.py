"""Reconstruction: exact where it can be, better than nothing on its own sample, and the same model where nothing is lost."""

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.errors import InputError
from maskbank.models.graph import find_layers
from maskbank.models.surgery import Kept, slice_units
from maskbank.models.units import Layer, unit_weights
from maskbank.pruning.approximation import Approximation
from maskbank.pruning.expectation import after, expected
from maskbank.pruning.reconstruction import reconstruct, with_biases
from maskbank.pruning.recording import record
from maskbank.pruning.sample import Sample
from tests.toy_models import IMAGE, MODELS


def sample_of(count: int = 40, shape: tuple[int, int, int] = (1, 8, 8)) -> Sample:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(count, *shape, generator=generator, dtype=torch.float64)
    return Sample(x, torch.zeros(count, dtype=torch.int64), generator)


def settled(name: str) -> nn.Module:
    """A float64 model whose norms have random gains and the statistics of the sample."""
    torch.manual_seed(0)
    model = MODELS[name]().double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.3)
    with torch.no_grad():
        model.train()(sample_of().x)
    return model.eval()


def half(model: nn.Module, layers: list[Layer]) -> Kept:
    weights = {layer.name: unit_weights(model, layer).norm(dim=1) for layer in layers}
    return {layer.name: weights[layer.name].argsort()[layer.count // 2 :].sort().values for layer in layers}


@torch.no_grad()
def sliced(
    model: nn.Module, layers: list[Layer], kept: Kept, how: str, merge: object = None
) -> tuple[nn.Module, list[str]]:
    model = copy.deepcopy(model)
    names = reconstruct(model, layers, kept, how, sample_of(), merge)  # type: ignore[arg-type]
    return slice_units(model, with_biases(layers, names), kept), names


class Pair(nn.Module):
    """3 x 3 convolution, optional norm, activation, then a reader (and its norm, optionally)."""

    def __init__(self, norm: bool = False, bias: bool = True, behind: bool = False, pad: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 3, bias=True)
        self.norm = nn.BatchNorm2d(5) if norm else nn.Identity()
        self.read = nn.Conv2d(5, 4, 3, padding=pad, bias=bias)
        self.behind = nn.BatchNorm2d(4) if behind else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.behind(self.read(F.relu(self.norm(self.conv(x)))))


def pair(**options: bool) -> tuple[nn.Module, list[Layer]]:
    torch.manual_seed(1)
    model = Pair(**options).double()
    with torch.no_grad():
        model.train()(sample_of().x)
    return model.eval(), find_layers(model, IMAGE)


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"bias": False, "behind": True}, {"norm": True}])
@torch.no_grad()
def test_constant_units_are_replaced_exactly_by_their_mean(options: dict[str, bool]) -> None:
    """Into the reader's bias, a new bias, or the running mean behind it: the sliced model's output is the full one's."""
    model, layers = pair(**options)
    model.conv.weight[[1, 3]] = 0
    model.conv.bias[[1, 3]] = torch.tensor([0.7, 1.9]).double()
    if "norm" in options:
        model.norm.bias[[1, 3]] = 2
    x, kept = sample_of().x, {layers[0].name: torch.tensor([0, 2, 4])}
    before = model(x)
    small, names = sliced(model, layers, kept, "mean")
    assert (small(x) - before).abs().max() < 1e-12
    assert (sliced(model, layers, kept, "none")[0](x) - before).abs().max() > 1e-2, "the units must matter"
    assert names == (["read"] if options == {"bias": False} else [])
    assert (small.read.bias is None) == ("behind" in options)


@torch.no_grad()
def test_constants_are_inexact_at_padded_borders_only() -> None:
    model, layers = pair(pad=1)  # type: ignore[arg-type]
    model.conv.weight[1] = 0
    model.conv.bias[1] = 0.7
    small, _ = sliced(model, layers, {layers[0].name: torch.tensor([0, 2, 3, 4])}, "mean")
    wrong = (small(sample_of().x) - model(sample_of().x)).abs().amax((0, 1))
    assert wrong[1:-1, 1:-1].max() < 1e-12
    assert wrong[0].min() > 1e-3


@pytest.mark.parametrize("name", ["vgg", "mlp", "residual_mlp", "dense", "mobile", "glu"])
@torch.no_grad()
def test_constant_units_of_every_model_are_replaced_exactly(name: str) -> None:
    """One layer at a time, where no border is padded: units made constant by zero weights, then cut."""
    model = settled(name)
    for layer in find_layers(model, IMAGE):
        kept = torch.arange(layer.count)[::2]
        changed = copy.deepcopy(model)
        for slot in layer.slots:
            tensor = changed.state_dict()[slot.tensor]
            if (slot.role == "made" and tensor.ndim > 1) or (slot.role == "carried" and tensor.ndim == 4):
                tensor[slot.index[1::2].flatten()] = 0
        if any(getattr(changed.get_submodule(slot.module), "padding", (0, 0)) != (0, 0) for slot in layer.read):
            continue
        everything = {each.name: torch.arange(each.count) for each in find_layers(model, IMAGE)} | {layer.name: kept}
        small, _ = sliced(changed, find_layers(model, IMAGE), everything, "mean")
        assert (small(sample_of().x) - changed(sample_of().x)).abs().max() < 1e-10, layer.name


@torch.no_grad()
def test_mean_is_never_worse_than_nothing_where_the_reader_is_linear() -> None:
    """Squared error of the reader's output over the sample, for any choice of units."""
    model, layers = pair()
    x = sample_of().x
    before = model(x)
    for kept in ([0], [1, 2], [0, 3, 4], [1, 2, 3, 4]):
        chosen = {layers[0].name: torch.tensor(kept)}
        none, mean = (((sliced(model, layers, chosen, how)[0](x) - before) ** 2).mean() for how in ("none", "mean"))
        assert mean < none


@pytest.mark.parametrize("name", list(MODELS))
@torch.no_grad()
def test_every_way_runs_on_every_model(name: str) -> None:
    """Half of all units cut: finite outputs; a model is left alone by none, changed by mean; nothing cut, nothing told."""
    model, x = settled(name), sample_of().x
    layers = find_layers(model, IMAGE)
    kept = half(model, layers)
    everything = {layer.name: torch.arange(layer.count) for layer in layers}
    for how in ("none", "mean", "bias", "merge"):
        small, names = sliced(model, layers, kept, how)
        assert small(x).isfinite().all()
        assert all(small.get_submodule(module).bias is not None for module in names)
        assert torch.equal(sliced(model, layers, everything, how)[0](x), model(x))
    assert not torch.equal(sliced(model, layers, kept, "mean")[0](x), sliced(model, layers, kept, "none")[0](x))


@torch.no_grad()
def test_mean_is_taken_reader_by_reader() -> None:
    """In a model of concatenations each reader has its own norm, and so its own mean of the same unit."""
    model = settled("dense")
    layer = next(layer for layer in find_layers(model, IMAGE) if len(layer.read) > 1)
    seen: dict[str, Tensor] = {}
    handles = [
        model.get_submodule(slot.module).register_forward_pre_hook(
            lambda _, inputs, slot=slot: seen.update({slot.module: inputs[0].transpose(0, 1).flatten(1).mean(1)})
        )
        for slot in layer.read
    ]
    model(sample_of().x)
    for handle in handles:
        handle.remove()
    changed = copy.deepcopy(model)
    kept = {layer.name: torch.arange(1, layer.count)}
    names = reconstruct(changed, [layer], kept, "mean", sample_of())
    for slot in layer.read:
        reader = changed.get_submodule(slot.module)
        weight = reader.weight[:, slot.index[0, 0]].flatten(1).sum(1)
        had = model.get_submodule(slot.module).bias
        if slot.module in names or had is not None:
            told = weight * seen[slot.module][slot.index[0, 0]]
            torch.testing.assert_close(reader.bias, told + (0 if had is None else had))
    assert len({round(float(seen[slot.module][slot.index[0, 0]]), 9) for slot in layer.read}) == len(layer.read)


@torch.no_grad()
def test_heads_get_a_constant_for_each_feature_and_are_not_merged(vit: tuple[nn.Module, list[Layer]]) -> None:
    model, layers = vit
    head = next(layer for layer in layers if layer.kind == "head")
    kept = {layer.name: torch.arange(layer.count) for layer in layers} | {head.name: torch.tensor([0, 2])}
    seen: list[Tensor] = []
    reader = model.get_submodule(head.read[0].module)
    handle = reader.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].mean((0, 1))))
    sample = sample_of(6)
    model(sample.x)
    handle.remove()
    changed = copy.deepcopy(model)
    reconstruct(changed, layers, kept, "mean", sample)
    gone = head.read[0].index[1]
    told = changed.get_submodule(head.read[0].module).bias - reader.bias
    torch.testing.assert_close(told, reader.weight[:, gone] @ seen[0][gone])
    changed = copy.deepcopy(model)
    reconstruct(changed, layers, kept, "merge", sample)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in changed.state_dict().items())


@pytest.fixture
def vit() -> tuple[nn.Module, list[Layer]]:
    from tests.conftest import ARCHITECTURES

    torch.manual_seed(0)
    model = ARCHITECTURES["vit"].build().double().eval()
    return model, find_layers(model, IMAGE)


@torch.no_grad()
def test_embedding_widths_are_left_alone(vit: tuple[nn.Module, list[Layer]]) -> None:
    model = vit[0]
    layer = next(layer for layer in find_layers(model, IMAGE, "all") if layer.kind == "embedding")
    for how in ("mean", "bias", "merge"):
        changed = copy.deepcopy(model)
        reconstruct(changed, [layer], {layer.name: torch.arange(3, layer.count)}, how, sample_of(6))
        assert all(torch.equal(value, model.state_dict()[name]) for name, value in changed.state_dict().items())


@pytest.mark.parametrize("options", [{}, {"norm": True}])
@torch.no_grad()
def test_duplicates_are_merged_without_loss(options: dict[str, bool]) -> None:
    """Units 1 and 4 are 0.5 and 3 times unit 2 (and their norms' numbers agree): cut, and the output stays."""
    model, layers = pair(**options)
    for j, scale in ((1, 0.5), (4, 3.0)):
        model.conv.weight[j], model.conv.bias[j] = scale * model.conv.weight[2], scale * model.conv.bias[2]
        if options:
            model.norm.weight[j], model.norm.bias[j] = scale * model.norm.weight[2], scale * model.norm.bias[2]
            model.norm.running_mean[j] = scale * model.norm.running_mean[2]
            model.norm.running_var[j] = scale**2 * (model.norm.running_var[2] + model.norm.eps) - model.norm.eps
    x, kept = sample_of().x, {layers[0].name: torch.tensor([0, 2, 3])}
    assert (sliced(model, layers, kept, "merge")[0](x) - model(x)).abs().max() < 1e-12
    assert (sliced(model, layers, kept, "none")[0](x) - model(x)).abs().max() > 1e-2


@torch.no_grad()
def test_duplicates_behind_a_norm_that_follows_the_activation() -> None:
    """conv - ReLU - norm: another scale and shift of the same unit is made up for, through a max-pool and a flatten."""
    torch.manual_seed(2)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
    ).double()
    nn.init.uniform_(model[2].weight, 0.5, 2)
    nn.init.normal_(model[2].bias)
    model[0].weight[3], model[0].bias[3] = 2 * model[0].weight[1], 2 * model[0].bias[1]
    model[2].momentum = None
    model.train()(sample_of().x)
    model.eval()
    layers = find_layers(model, IMAGE)
    small, _ = sliced(model, layers, {layers[0].name: torch.arange(3)}, "merge")
    assert (small(sample_of().x) - model(sample_of().x)).abs().max() < 1e-10


@torch.no_grad()
def test_units_that_point_away_are_not_merged() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.ReLU(), nn.Linear(3, 2)).double()
    model[1].weight[1] = -model[1].weight[0]
    model[1].weight[2] = -2 * model[1].weight[0]
    model[1].bias[:] = torch.tensor([0.3, 0.5, -1.0])
    layers = find_layers(model, IMAGE)
    before = model[3].weight.clone(), model[3].bias.clone()
    reconstruct(model, layers, {layers[0].name: torch.tensor([0])}, "merge", sample_of())
    assert torch.equal(model[3].weight, before[0])
    torch.testing.assert_close(model[3].bias, before[1] + 0.5 * before[0][:, 1])


def test_a_score_may_bring_its_own_merge() -> None:
    model, layers = pair()
    model.requires_grad_(False)
    kept = {layers[0].name: torch.tensor([0, 2, 3, 4])}
    told = Approximation(torch.tensor([[0.0, 0.5, 0, 0]]), torch.tensor([2.0]))
    changed = copy.deepcopy(model)
    reconstruct(changed, layers, kept, "merge", sample_of(), lambda *_: told)
    weight = model.read.weight
    torch.testing.assert_close(changed.read.weight[:, 2], weight[:, 2] + 0.5 * weight[:, 1])
    assert torch.equal(changed.read.weight[:, [0, 3, 4]], weight[:, [0, 3, 4]])
    torch.testing.assert_close(changed.read.bias, model.read.bias + 2 * weight[:, 1].flatten(1).sum(1))


def test_partners_as_a_matrix() -> None:
    found = Approximation.partners({4: 1, 0: -1, 2: 3}, torch.tensor([1, 3]))
    assert found.matrix is not None
    assert found.matrix.tolist() == [[0, 0], [0, 1], [1, 0]]


def test_expected_values_against_draws() -> None:
    z = torch.randn(400_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean, spread = torch.tensor([-1.0, 0.0, 0.7, 2.0]).double(), torch.tensor([1.0, 0.5, 2.0, 0.0]).double()
    for names, f in (
        ([], lambda v: v),
        (["relu"], F.relu),
        (["gelu"], F.gelu),
        (["relu6"], F.relu6),
        (["silu"], F.silu),
    ):
        drawn = f(mean[:, None] + spread[:, None] * z).mean(1)
        torch.testing.assert_close(after(names, mean, spread), drawn, atol=0.02, rtol=0)
    assert float(after(["relu"], torch.zeros(1).double(), torch.ones(1).double())) == pytest.approx(0.3989422804)


def test_expected_values_come_from_the_norm_or_the_bias() -> None:
    model, layers = pair(norm=True)
    nn.init.normal_(model.norm.bias)
    found = expected(layers[0], layers[0].read[0], record(model, (1, 8, 8)))
    assert found is not None
    torch.testing.assert_close(found, after(["relu"], model.norm.bias.detach(), model.norm.weight.detach().abs()))
    model, layers = pair()
    found = expected(layers[0], layers[0].read[0], record(model, (1, 8, 8)))
    assert found is not None
    torch.testing.assert_close(found, F.relu(model.conv.bias.detach()))


@torch.no_grad()
def test_bias_helps_where_the_norm_tells_the_truth() -> None:
    """A convolution of random images is nearly normal, so the expected value is nearly the mean; no data is read."""
    model, layers = pair(norm=True)
    nn.init.uniform_(model.norm.bias, 0.5, 1.5)
    kept, x = {layers[0].name: torch.tensor([0, 2])}, sample_of().x
    errors = {
        how: float(((sliced(model, layers, kept, how)[0](x) - model(x)) ** 2).mean())
        for how in ("none", "bias", "mean")
    }
    assert errors["mean"] <= errors["bias"] < 0.8 * errors["none"]
    blind = Sample(x[:0], torch.zeros(0, dtype=torch.int64), torch.Generator())
    assert reconstruct(model, layers, kept, "bias", blind) == []


def test_new_biases_are_cut_with_the_units_of_their_module() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 6, bias=False), nn.ReLU(), nn.Linear(6, 5, bias=False), nn.ReLU(), nn.Linear(5, 2)
    )
    model, layers = model.double(), find_layers(model, IMAGE)
    kept = {layers[0].name: torch.tensor([0, 1, 5]), layers[1].name: torch.tensor([2, 4])}
    small, names = sliced(model, layers, kept, "mean")
    assert names == ["3"]
    assert small[3].bias.shape == (2,)
    again = find_layers(small, IMAGE)
    assert [layer.count for layer in again] == [3, 2]


def test_wrong_ways_are_named() -> None:
    model, layers = pair()
    kept = {layers[0].name: torch.tensor([0])}
    with pytest.raises(InputError, match="reconstruct = 'median': expected one of none, mean, bias, merge"):
        reconstruct(model, layers, kept, "median", sample_of())
    with pytest.raises(InputError, match="needs examples"):
        reconstruct(model, layers, kept, "mean", sample_of(0))
