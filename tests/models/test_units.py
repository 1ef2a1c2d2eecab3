"""Units are found by tracing: exact slots on models of a few weights, then masked against sliced on every family of models."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from maskbank.errors import InputError
from maskbank.measures.cost import trace_cost
from maskbank.models.graph import UnitSet, find_layers
from maskbank.models.surgery import slice_in_place, slice_units
from maskbank.models.units import Gates, Layer, unit_sums, unit_weights, watch
from tests.conftest import ARCHITECTURES, LARGE, random_model
from tests.toy_models import IMAGE, MODELS

UNIT_SETS: tuple[UnitSet, ...] = ("internal", "coupled", "all")


class Wired(nn.Module):
    """Modules by name and a function that wires them."""

    def __init__(self, wire, **modules: nn.Module) -> None:
        super().__init__()
        self.wire = wire
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x: Tensor) -> Tensor:
        return self.wire(self, x)


def slots(layer: Layer) -> set[tuple[str, int, str, tuple[tuple[int, ...], ...]]]:
    return {(slot.tensor, slot.dim, slot.role, tuple(map(tuple, slot.index.tolist()))) for slot in layer.slots}


def shape_of(layers: list[Layer]) -> list[tuple[str, str, int, bool]]:
    return [(layer.name, layer.kind, layer.count, layer.coupled) for layer in layers]


def test_a_conv_its_norm_and_the_dense_layer_behind_a_flatten() -> None:
    """Two channels of 2 x 2 pixels are read as four features each."""
    model = Wired(
        lambda m, x: m.head(torch.relu(m.norm(m.conv(x))).flatten(1)),
        conv=nn.Conv2d(1, 2, 1),
        norm=nn.BatchNorm2d(2),
        head=nn.Linear(8, 3),
    )
    (layer,) = find_layers(model, (1, 2))
    each = ((0,), (1,))
    assert shape_of([layer]) == [("conv", "channel", 2, False)]
    assert slots(layer) == {
        ("conv.weight", 0, "made", each),
        ("conv.bias", 0, "made", each),
        ("norm.weight", 0, "carried", each),
        ("norm.bias", 0, "carried", each),
        ("norm.running_mean", 0, "carried", each),
        ("norm.running_var", 0, "carried", each),
        ("head.weight", 1, "read", ((0, 1, 2, 3), (4, 5, 6, 7))),
    }


def test_what_is_added_up_is_coupled() -> None:
    model = Wired(
        lambda m, x: m.head((m.a(x) + m.b(x)).mean((2, 3))),
        a=nn.Conv2d(1, 3, 1),
        b=nn.Conv2d(1, 3, 3, 1, 1),
        head=nn.Linear(3, 2),
    )
    with pytest.raises(InputError, match="no prunable units"):
        find_layers(model, (1, 4))
    (layer,) = find_layers(model, (1, 4), "coupled")
    assert shape_of([layer]) == [("a", "channel", 3, True)]
    assert {slot.tensor for slot in layer.made} == {"a.weight", "a.bias", "b.weight", "b.bias"}


def test_a_concatenation_shifts_what_its_reader_reads() -> None:
    model = Wired(
        lambda m, x: m.head(torch.cat([m.a(x), m.b(x)], 1).mean((2, 3))),
        a=nn.Conv2d(1, 2, 1),
        b=nn.Conv2d(1, 3, 1),
        head=nn.Linear(5, 2),
    )
    first, second = find_layers(model, (1, 4))
    assert [slot.index.tolist() for slot in first.read] == [[[0], [1]]]
    assert [slot.index.tolist() for slot in second.read] == [[[2], [3], [4]]]


def test_a_gate_ties_the_halves_of_its_layer() -> None:
    model = Wired(
        lambda m, x: m.out(torch.mul(*m.fc(x.flatten(1)).chunk(2, 1))), fc=nn.Linear(4, 6), out=nn.Linear(3, 2)
    )
    (layer,) = find_layers(model, (1, 2))
    assert layer.count == 3
    assert layer.made[0].index.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert not layer.coupled


def test_a_channel_shuffle_is_followed() -> None:
    """Channels 0 1 | 2 3 come out as 0 2 1 3."""
    model = Wired(
        lambda m, x: m.b(m.a(x).view(1, 2, 2, 4, 4).transpose(1, 2).reshape(1, 4, 4, 4)).mean((2, 3)),
        a=nn.Conv2d(1, 4, 1, bias=False),
        b=nn.Conv2d(4, 2, 1, bias=False),
    )
    (layer,) = find_layers(model, (1, 4))
    order = {
        tuple(unit): tuple(read)
        for unit, read in zip(layer.made[0].index.tolist(), layer.read[0].index.tolist(), strict=True)
    }
    assert order == {(0,): (0,), (1,): (2,), (2,): (1,), (3,): (3,)}


def test_a_unit_of_a_grouped_convolution_is_a_group() -> None:
    model = Wired(
        lambda m, x: m.head(torch.relu(m.grouped(torch.relu(m.conv(x)))).mean((2, 3))),
        conv=nn.Conv2d(1, 4, 1),
        grouped=nn.Conv2d(4, 6, 3, 1, 1, groups=2),
        head=nn.Linear(6, 2),
    ).double()
    (layer,) = find_layers(model, (1, 4))
    held = {slot.tensor: slot.index.tolist() for slot in layer.slots}
    assert held["conv.weight"] == [[0, 1], [2, 3]]
    assert held["grouped.weight"] == held["head.weight"] == [[0, 1, 2], [3, 4, 5]]
    small, x = slice_units(model, [layer], {"conv": torch.tensor([1])}), torch.randn(2, 1, 4, 4, dtype=torch.float64)
    assert (small.grouped.groups, small.grouped.in_channels, small.grouped.out_channels) == (1, 2, 3)
    with torch.no_grad(), Gates(model, [layer], {"conv": torch.tensor([0.0, 1.0])}):
        assert torch.allclose(model(x), small(x), atol=1e-12)


def test_attention_gives_heads_and_nodes() -> None:
    architecture = ARCHITECTURES["vit"]
    layers = find_layers(architecture.build(), architecture.image)
    assert [layer.kind for layer in layers] == ["head", "node"] * 2
    heads = layers[0]
    assert heads.count == 3
    assert heads.read[0].index[1].tolist() == [4, 5, 6, 7]
    assert heads.made[0].index[1].tolist() == [4, 5, 6, 7, 16, 17, 18, 19, 28, 29, 30, 31], "rows of q, k and v"
    embedding = next(layer for layer in find_layers(architecture.build(), architecture.image, "all") if layer.coupled)
    assert (embedding.kind, embedding.count) == ("embedding", 12)


def cut_by(wire: Callable[[Tensor], Tensor], width: int = 8, read: int = 8) -> list[str]:
    """Names of the layers of conv - wire - head."""
    model = Wired(
        lambda m, x: m.head(torch.relu(m.free(wire(m.conv(x)))).mean((2, 3))),
        conv=nn.Conv2d(1, width, 1),
        free=nn.Conv2d(read, 4, 1),
        head=nn.Linear(4, 2),
    )
    return [layer.name for layer in find_layers(model, (1, 4))]


def test_what_is_told_apart_by_position_stays_whole() -> None:
    """Were any feature to leave, halves, every second one and neighbours would be others than before."""
    assert cut_by(torch.relu) == ["conv", "free"]
    assert cut_by(lambda y: torch.cat([torch.relu(y.chunk(2, 1)[0]), y.chunk(2, 1)[1]], 1)) == ["free"]
    assert cut_by(lambda y: torch.cat([y[:, ::2], torch.tanh(y[:, 1::2])], 1)) == ["free"]
    assert cut_by(lambda y: torch.roll(y, 1, 1)) == ["free"]
    assert cut_by(lambda y: y[:, :3], read=3) == ["free"]
    pooled = cut_by(
        lambda y: torch.avg_pool1d(y.flatten(2).transpose(1, 2), 3, 1, 1).transpose(1, 2).unflatten(2, (4, 4))
    )
    assert pooled == ["free"]


def test_a_number_that_scales_all_features_ties_none() -> None:
    model = Wired(
        lambda m, x: m.head(m.scale.weight * m.conv(x).mean((2, 3))),
        conv=nn.Conv2d(1, 4, 1),
        scale=nn.Linear(1, 1),
        head=nn.Linear(4, 2),
    )
    assert [layer.count for layer in find_layers(model, (1, 4))] == [4]


def test_macs_of_what_stays_whole_count_too() -> None:
    model = Wired(
        lambda m, x: m.head(m.tokens(m.conv(x).flatten(2)).mean(2)),
        conv=nn.Conv2d(1, 4, 1),
        tokens=nn.Linear(16, 5),
        head=nn.Linear(4, 2),
    )
    with pytest.raises(InputError, match="held by: linear"):
        trace_cost(model, (1, 4))
    both = Wired(
        lambda m, x: m.head(torch.relu(m.fc(m.tokens(m.conv(x).flatten(2)).flatten(1)))),
        conv=nn.Conv2d(1, 4, 1),
        tokens=nn.Linear(16, 5),
        fc=nn.Linear(20, 6),
        head=nn.Linear(6, 2),
    )
    cost = trace_cost(both, (1, 4))
    assert cost.macs(cost.dense) == 4 * 16 + 4 * 16 * 5 + 20 * 6 + 6 * 2


def test_an_unknown_operation_keeps_what_it_touches() -> None:
    def wire(m: Wired, x: Tensor) -> Tensor:
        return m.head(torch.relu(m.free(torch.relu(torch.fft.fft(m.held(x), dim=1).real))).mean((2, 3)))

    model = Wired(wire, held=nn.Conv2d(1, 4, 1), free=nn.Conv2d(4, 4, 1), head=nn.Linear(4, 2))
    assert [layer.name for layer in find_layers(model, (1, 4))] == ["free"]
    only = Wired(lambda m, x: torch.fft.fft(m.held(x), dim=1).real, held=nn.Conv2d(1, 4, 1))
    with pytest.raises(InputError, match="no prunable units found; all of it is held by: fft_fft"):
        find_layers(only, (1, 4))


def test_a_forward_that_fails_is_said() -> None:
    with pytest.raises(InputError, match=r"on an input of \[1, 3, 8, 8\]: the forward fails"):
        find_layers(MODELS["vgg"](), (3, 8))


def test_weights_of_units_and_sums_over_them() -> None:
    model = MODELS["glu"]()
    layer = find_layers(model, IMAGE)[0]
    weight = model.get_parameter(layer.made[0].tensor)
    assert torch.equal(unit_weights(model, layer)[2], torch.cat([weight[2], weight[18]]))
    assert unit_sums({layer.made[0].tensor: torch.ones_like(weight)}, layer).tolist() == [24.0] * 16


def test_watch_sees_what_the_reader_reads() -> None:
    model = MODELS["vgg"]().eval()
    seen: dict[str, Tensor] = {}
    layers = find_layers(model, IMAGE)
    with watch(model, layers, lambda layer, x: seen.__setitem__(layer.name, x)), torch.no_grad():
        model(torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert [tuple(x.shape) for x in seen.values()] == [(2, 16, 8, 1), (2, 4, 12, 1), (2, 1, 16, 4), (2, 1, 24, 1)]
    assert all((x >= 0).all() for x in seen.values())


def prepared(name: str) -> tuple[nn.Module, tuple[int, int]]:
    """A model in float64 with BatchNorm statistics and gains that do something."""
    if name in ARCHITECTURES:
        return random_model(ARCHITECTURES[name]), ARCHITECTURES[name].image
    torch.manual_seed(0)
    model = MODELS[name]().double().train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    with torch.no_grad():
        model(torch.randn(16, IMAGE[0], IMAGE[1], IMAGE[1], dtype=torch.float64))
    return model.eval(), IMAGE


def some(layers: list[Layer], seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        each.name: torch.randperm(each.count, generator=generator)[: max(1, each.count // 2)].sort().values
        for each in layers
    }


FAMILIES = [
    pytest.param(name, units, marks=[pytest.mark.nightly] * (name == LARGE and units != "all"))
    for name in (*ARCHITECTURES, *MODELS)
    for units in UNIT_SETS
]


@pytest.mark.parametrize(("name", "units"), FAMILIES)
def test_masked_equals_sliced_for_every_family(name: str, units: UnitSet) -> None:
    model, image = prepared(name)
    layers, x = find_layers(model, image, units), torch.randn(3, image[0], image[1], image[1], dtype=torch.float64)
    kept = some(layers)
    gates = {each.name: torch.zeros(each.count).index_fill(0, kept[each.name], 1.0) for each in layers}
    with torch.no_grad():
        with Gates(model, layers, gates):
            masked = model(x)
        sliced = slice_units(model, layers, kept)
        assert (sliced(x) - masked).abs().max() <= 1e-10 * masked.abs().max()
        assert (model(x) - masked).abs().max() > 1e-6, "the mask must do something"
        single = sliced.float()(x.float()).double()
        assert (single - masked).abs().max() <= 1e-4 * masked.abs().max()


@pytest.mark.parametrize(("name", "units"), FAMILIES)
def test_sizes_of_widths_are_those_of_the_sliced_model(name: str, units: UnitSet) -> None:
    model, image = prepared(name)
    cost = trace_cost(model, image, units)
    kept = some(list(cost.layers))
    counts = {layer: len(index) for layer, index in kept.items()}
    sliced = slice_units(model, list(cost.layers), kept)
    again = trace_cost(sliced, image, units)
    assert again.dense == counts
    assert cost.params(counts) == sum(parameter.numel() for parameter in sliced.parameters())
    assert cost.bytes(counts) == sum(value.numel() * value.element_size() for value in sliced.state_dict().values())
    assert (cost.macs(counts), cost.peak(counts)) == (again.macs(again.dense), again.peak(again.dense))


@pytest.mark.parametrize("name", list(MODELS))
def test_layers_of_what_is_left_are_those_that_a_new_trace_finds(name: str) -> None:
    model, image = prepared(name)
    layers = find_layers(model, image, "coupled")
    left = slice_in_place(model, layers, some(layers))
    again = find_layers(model, image, "coupled")
    assert shape_of(left) == shape_of(again)
    assert [slots(layer) for layer in left] == [slots(layer) for layer in again]


def test_an_empty_layer_is_refused() -> None:
    model = MODELS["mlp"]()
    layers = find_layers(model, IMAGE)
    kept = {layer.name: torch.arange(layer.count) for layer in layers} | {layers[0].name: torch.tensor([], dtype=int)}
    with pytest.raises(InputError, match=r"1: no unit would be left; keep at least one of 24"):
        slice_units(model, layers, kept)


def test_the_model_itself_is_left_alone() -> None:
    model = MODELS["dense"]()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    layers = find_layers(model, IMAGE)
    sliced = slice_units(model, layers, some(layers))
    with torch.no_grad():
        for parameter in sliced.parameters():
            parameter.add_(1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_peak_activation_memory_by_hand() -> None:
    """conv 1 -> 2 channels on 4 x 4 pixels: 16 in, 32 out; ReLU makes 32 more, its input still alive: 64 floats."""
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
    cost = trace_cost(model, (1, 4))
    assert cost.peak({"0": 2}) == 4 * 64
    assert cost.peak({"0": 1}) == 4 * 32
