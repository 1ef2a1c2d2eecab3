"""Fake quantizers: grids by hand, properties, torchao bit for bit; models whose activations are quantized as they run."""

import copy
import itertools
import math
from collections import OrderedDict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torchao.quantization import (
    Int8DynamicActivationInt8WeightConfig,
    Int8WeightOnlyConfig,
    IntxWeightOnlyConfig,
    quantize_,
)
from torchao.quantization.granularity import PerAxis
from torchao.quantization.quant_primitives import (
    MappingType,
    choose_qparams_affine,
    dequantize_affine,
    quantize_affine,
)

from maskbank.errors import InputError
from maskbank.pruning.compressors.quantize import compress
from maskbank.pruning.quantization import Grid, levels, quantize, quantize_range, quantize_tokens
from maskbank.pruning.sample import Sample
from tests import toy_models

EPSILON = torch.finfo(torch.float32).eps


def sample_of(x: Tensor) -> Sample:
    return Sample(x, torch.zeros(len(x), dtype=torch.int64), torch.Generator())


def images(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


NONE = sample_of(torch.empty(0, 1, 8, 8))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_quantization_by_hand() -> None:
    """3 bits hold -3..3; the largest weight 6 sets the step to 2."""
    weight = torch.tensor([[6.0, -2.9, 0.9, 1.1]])
    assert quantize(weight, 3).tolist() == [[6.0, -2.0, 0.0, 2.0]]


def test_two_bits_hold_three_levels_of_the_narrow_grid_and_four_of_the_full_one() -> None:
    """Steps 3 / 1 = 3 and 3 / 1.5 = 2; the full grid has no +2, so that its largest weight is clipped to 1 step."""
    weight = torch.tensor([[3.0, 1.6, 1.4, -0.9, -3.0]])
    assert quantize(weight, 2).tolist() == [[3.0, 3.0, 0.0, 0.0, -3.0]]
    assert quantize(weight, 2, "full").tolist() == [[2.0, 2.0, 2.0, 0.0, -4.0]]
    assert (levels(2, "narrow"), levels(2, "full"), levels(8, "narrow")) == ((-1, 1), (-2, 1), (-127, 127))


def test_ties_go_to_the_even_level() -> None:
    """Steps of 2: 1, 3 and 5 are half-way between levels."""
    assert quantize(torch.tensor([[6.0, 1.0, 3.0, 5.0, -1.0]]), 3).tolist() == [[6.0, 0.0, 4.0, 4.0, 0.0]]


def test_each_output_channel_has_its_step() -> None:
    """A convolution [2, 1, 1, 2] of 3 bits: steps 2 and 0.2; and a channel of zeros stays zero."""
    weight = torch.tensor([[6.0, 1.1], [0.6, 0.11], [0.0, 0.0]]).view(3, 1, 1, 2)
    expected = torch.tensor([[6.0, 2.0], [0.6, 0.2], [0.0, 0.0]]).view(3, 1, 1, 2)
    torch.testing.assert_close(quantize(weight, 3), expected)
    scaled = weight * torch.tensor([1.0, 100.0, 1.0]).view(3, 1, 1, 1)
    torch.testing.assert_close(quantize(scaled, 3)[0], expected[0])


def test_each_token_has_its_step() -> None:
    x = torch.tensor([[[6.0, -2.9, 0.9], [0.6, -0.29, 0.09]], [[0.0, 0.0, 0.0], [3.0, 2.0, 1.0]]])
    expected = [[[6.0, -2.0, 0.0], [0.6, -0.2, 0.0]], [[0.0, 0.0, 0.0], [3.0, 2.0, 1.0]]]
    torch.testing.assert_close(quantize_tokens(x, 3), torch.tensor(expected))


def test_a_range_has_unsigned_levels_and_an_exact_zero() -> None:
    """-1..2 in 2 bits: step 1, levels -1, 0, 1, 2; what lies outside is clipped. Only positive: 0..3."""
    x = torch.tensor([-5.0, -0.6, 0.0, 0.4, 0.6, 1.7, 9.0])
    assert quantize_range(x, -1.0, 2.0, 2).tolist() == [-1.0, -1.0, 0.0, 0.0, 1.0, 2.0, 2.0]
    assert quantize_range(x, 2.0, 3.0, 2).tolist() == [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0], "widened to hold 0"
    assert quantize_range(x, 0.0, 0.0, 2).abs().max() < 1e-11, "nothing but zeros was seen"


FINITE = st.floats(-1e3, 1e3, width=32)
ROWS = st.lists(st.lists(FINITE, min_size=4, max_size=4), min_size=1, max_size=4).map(torch.tensor)


@settings(max_examples=200, deadline=None)
@given(ROWS, st.integers(2, 16), st.sampled_from(["narrow", "full"]))
def test_symmetric_grids_are_near_and_have_few_levels(x: Tensor, bits: int, grid: Grid) -> None:
    low, high = levels(bits, grid)
    step = x.abs().amax(1, keepdim=True) / ((high - low) / 2)
    got = quantize_tokens(x, bits, grid)
    slack = 4 * EPSILON * x.abs().amax(1, keepdim=True) + 1e-12
    assert ((got - x).abs() <= step / 2 + slack).all()
    number = torch.where(step > 1e-12, got / step, 0.0)
    assert (number - number.round()).abs().max() < 0.02
    assert number.round().min() >= low
    assert number.round().max() <= high


@settings(max_examples=200, deadline=None)
@given(ROWS, st.integers(2, 12))
def test_the_narrow_grid_is_idempotent_and_odd(x: Tensor, bits: int) -> None:
    """Its largest value is on the grid, and so the step is found again (to rounding). The full grid is neither."""
    once = quantize_tokens(x, bits)
    torch.testing.assert_close(quantize_tokens(once, bits), once, rtol=4 * EPSILON, atol=1e-12)
    assert torch.equal(quantize_tokens(-x, bits), -once)


@settings(max_examples=200, deadline=None)
@given(ROWS, st.floats(-100, 100), st.floats(0, 100), st.integers(2, 16))
def test_ranges_are_near_inside_clip_outside_and_repeat(x: Tensor, low: float, width: float, bits: int) -> None:
    high = low + width
    got, least, most = quantize_range(x, low, high, bits), min(low, 0.0), max(high, 0.0)
    step = (most - least) / (2**bits - 1)
    slack = 2**bits * (4 * EPSILON * step + 1e-12)
    assert ((got - x.clamp(least, most)).abs() <= step + slack).all(), (
        "half a step, and half of where zero was rounded to"
    )
    assert float(quantize_range(torch.zeros(1), low, high, bits)) == 0
    torch.testing.assert_close(quantize_range(got, low, high, bits), got, rtol=0, atol=slack)


@pytest.mark.parametrize("grid", ["narrow", "full"])
def test_more_bits_are_closer(grid: Grid) -> None:
    x = normal(32, 64)
    errors = [float((quantize(x, bits, grid) - x).square().mean()) for bits in range(2, 13)]
    assert all(more < less / 2 for less, more in itertools.pairwise(errors))
    errors = [float((quantize_range(x, -4.0, 4.0, bits) - x.clamp(-4, 4)).square().mean()) for bits in range(2, 13)]
    assert all(more < less / 2 for less, more in itertools.pairwise(errors))


def test_gradients_pass_straight_through_rounding_and_clipping() -> None:
    """Else an attack on a quantized model would find no slope, and call it robust."""
    x = torch.tensor([[6.0, -2.9, 0.9, 1.1]], requires_grad=True)
    (quantize_tokens(x, 3) * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1.0, 2.0, 3.0, 4.0]]
    assert torch.equal(quantize_tokens(x, 3), quantize_tokens(x.detach(), 3)), "the same values with and without"
    y = torch.tensor([-5.0, 0.4, 9.0], requires_grad=True)
    quantize_range(y, -1.0, 2.0, 2).sum().backward()
    assert y.grad is not None
    assert y.grad.tolist() == [1.0, 1.0, 1.0]
    far = torch.tensor([1e6, 0.1], requires_grad=True)
    assert torch.equal(quantize_range(far, -1.0, 2.0, 8), quantize_range(far.detach(), -1.0, 2.0, 8))


def linear(out: int, inside: int, seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(inside, out)


@pytest.mark.parametrize("seed", range(3))
def test_weights_of_8_bits_on_the_full_grid_are_torchaos(seed: int) -> None:
    """Bit for bit. On the narrow grid a weight is half a step of each away at most."""
    layer = linear(20, 48, seed)
    weight = layer.weight.detach().clone()
    quantize_(layer, Int8WeightOnlyConfig(set_inductor_config=False))
    theirs = layer.weight.dequantize()
    assert torch.equal(quantize(weight, 8, "full"), theirs)
    assert not torch.equal(quantize(weight, 8), theirs)
    step = weight.abs().amax(1, keepdim=True) / 127
    assert ((quantize(weight, 8) - theirs).abs() <= step * 1.001).all()


@pytest.mark.parametrize("bits", range(2, 9))
def test_weights_of_few_bits_on_the_full_grid_are_torchaos(bits: int) -> None:
    """Bit for bit, with IntxWeightOnlyConfig of a linear layer (of a convolution it has a step a kernel position)."""
    layer = linear(20, 48)
    weight = layer.weight.detach().clone()
    quantize_(layer, IntxWeightOnlyConfig(weight_dtype=getattr(torch, f"int{bits}"), granularity=PerAxis(0)))
    assert torch.equal(quantize(weight, bits, "full"), layer.weight.dequantize())


@pytest.mark.parametrize("bits", range(2, 9))
def test_the_narrow_grid_is_torchaos_arithmetic_between_narrow_bounds(bits: int) -> None:
    """Its primitives with quant_min = -quant_max; of convolutions too, as rows."""
    for weight in (normal(20, 48), normal(6, 5, 3, 3)):
        rows, top = weight.flatten(1), 2 ** (bits - 1) - 1
        block = (1, rows.shape[1])
        step, zero = choose_qparams_affine(
            rows, MappingType.SYMMETRIC, block, torch.int8, -top, top, EPSILON, torch.float32, torch.int8
        )
        numbers = quantize_affine(rows, block, step, zero, torch.int8, -top, top)
        theirs = dequantize_affine(numbers, block, step, zero, torch.int8, -top, top)
        assert torch.equal(quantize(weight, bits).flatten(1), theirs)


@pytest.mark.parametrize("bits", [2, 4, 6, 8])
@pytest.mark.parametrize(("low", "high"), [(-1.3, 2.7), (0.0, 3.1), (-0.5, 0.0)])
def test_ranges_are_torchaos_asymmetric_arithmetic(bits: int, low: float, high: float) -> None:
    """Its primitives and torch's own op on a tensor that spans the range; levels are equal, values to rounding of the step."""
    x = torch.cat([torch.tensor([low, high]), normal(1000, seed=1).clamp(low, high)])
    block, top = (len(x),), 2**bits - 1
    step, zero = choose_qparams_affine(
        x, MappingType.ASYMMETRIC, block, torch.uint8, 0, top, EPSILON, torch.float32, torch.int32
    )
    numbers = quantize_affine(x, block, step, zero, torch.uint8, 0, top)
    theirs = dequantize_affine(numbers, block, step, zero, torch.uint8, 0, top)
    torch.testing.assert_close(quantize_range(x, low, high, bits), theirs, rtol=4 * EPSILON, atol=1e-12)
    again = torch.fake_quantize_per_tensor_affine(x, float(step), int(zero), 0, top)
    torch.testing.assert_close(quantize_range(x, low, high, bits), again, rtol=4 * EPSILON, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(5, 48), (3, 7, 48), (2, 3, 4, 48)])
def test_int8_products_of_torchao_are_ours_to_rounding(seed: int, shape: tuple[int, ...]) -> None:
    """W8A8 on the full grid. torchao adds integers, which is exact, and rounds three times (two steps, the bias); the
    fake quantizer in float64 rounds next to nothing. So they differ by a few units in the last place of the terms' size.
    """
    layer, x = linear(20, 48, seed), normal(*shape, seed=seed)
    weight, bias = quantize(layer.weight.detach(), 8, "full").double(), layer.bias.detach().double()
    inputs = quantize_tokens(x, 8, "full").double()
    floating = layer(x).detach()
    quantize_(layer, Int8DynamicActivationInt8WeightConfig(set_inductor_config=False))
    theirs = layer(x).detach()
    size = F.linear(inputs.abs(), weight.abs(), bias.abs())
    assert ((F.linear(inputs, weight, bias) - theirs).abs() <= 4 * EPSILON * size).all()
    assert ((floating - theirs).abs() > 100 * 4 * EPSILON * size).any(), "the bound tells quantized from not quantized"


def test_int8_products_do_not_overflow() -> None:
    """Kernels without VNNI may saturate at 16 bits, which would show where all is at the end of the range."""
    layer, x = nn.Linear(512, 8, bias=False), torch.ones(3, 512)
    nn.init.constant_(layer.weight, 1.0)
    quantize_(layer, Int8DynamicActivationInt8WeightConfig(set_inductor_config=False))
    assert torch.allclose(layer(x), torch.full((3, 8), 512 * (127 / 127.5) ** 2), rtol=4 * EPSILON)


class Tokens(nn.Module):
    """Stem, two linear layers, classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a, self.b, self.head = nn.Linear(8, 6), nn.Linear(6, 10), nn.Linear(10, 6), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.b(F.gelu(self.a(self.stem(x))))
        return self.head(hidden.mean((1, 2)))


def test_a_model_of_linear_layers_by_hand() -> None:
    """W4A6: stem and head float, both sides of the inner layers rounded; needs no examples."""
    torch.manual_seed(0)
    model, x = Tokens(), images(5)
    plain, before = copy.deepcopy(model), copy.deepcopy(model.state_dict())
    compressed = compress(model, 4, NONE, 6)
    hidden = plain.stem(x)
    for layer, last in ((plain.a, False), (plain.b, True)):
        hidden = F.linear(quantize_tokens(hidden, 6), quantize(layer.weight, 4), layer.bias)
        hidden = hidden if last else F.gelu(hidden)
    assert torch.equal(model(x), plain.head(hidden.mean((1, 2))))
    assert not torch.equal(model(x), plain(x))
    state = model.state_dict()
    assert list(state) == list(before), "no name is new"
    assert {name for name in state if not torch.equal(state[name], before[name])} == {"a.weight", "b.weight"}
    assert compressed.achieved == 4
    total = sum(4 * value.numel() for value in before.values())
    assert total - compressed.bytes == 2 * (60 * 4 - 30) - 4 * (10 + 6), "60 weights of half a byte, a step a channel"


def two_convolutions() -> nn.Module:
    """Stem, a convolution that reads what is positive, one that reads both signs, classifier."""
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(
            stem=nn.Conv2d(1, 4, 3), relu=nn.ReLU(), a=nn.Conv2d(4, 6, 3), b=nn.Conv2d(6, 8, 3), flat=nn.Flatten(),
            head=nn.Linear(32, 4),
        )
    )  # fmt: skip


def test_a_model_of_convolutions_by_hand() -> None:
    """W8A8: ranges are those of the sample on the float model, and hold for what comes after."""
    model, seen, x = two_convolutions(), images(40), 3 * images(5, seed=1)
    plain = copy.deepcopy(model)
    compress(model, 8, sample_of(seen), 8)
    with torch.no_grad():
        first = plain.relu(plain.stem(seen))
        second = plain.a(first)
        hidden = quantize_range(plain.relu(plain.stem(x)), 0.0, float(first.max()), 8)
        hidden = F.conv2d(hidden, quantize(plain.a.weight, 8), plain.a.bias)
        hidden = quantize_range(hidden, float(second.min()), float(second.max()), 8)
        hidden = F.conv2d(hidden, quantize(plain.b.weight, 8), plain.b.bias)
        assert torch.equal(model(x), plain.head(hidden.flatten(1)))


def test_more_activation_bits_are_closer_to_weights_alone() -> None:
    for build in (two_convolutions, toy_models.mobile, toy_models.glu):
        torch.manual_seed(0)
        dense, x = build().eval(), images(16)
        only = copy.deepcopy(dense)
        compress(only, 8, NONE)
        errors = []
        for bits in (2, 4, 8, 12):
            model = copy.deepcopy(dense)
            compress(model, 8, sample_of(x), bits)
            with torch.no_grad():
                errors.append(float((model(x) - only(x)).norm() / only(x).norm()))
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] < 0.01 < errors[0]


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_pre_hooks) for module in model.modules())


def test_hooks_stay_in_copies_and_only_where_asked_for() -> None:
    model = two_convolutions().train()
    compress(model, 8, sample_of(images(8)))
    assert hooks(model) == 0
    compress(model, 8, sample_of(images(8)), 4)
    assert hooks(model) == 2
    assert not model.training
    copied, x = copy.deepcopy(model), images(4, seed=2)
    assert torch.equal(copied(x), model(x))
    with torch.no_grad():
        expected = model(x)
        for parameter in model.parameters():
            parameter.zero_()
    assert torch.equal(copied(x), expected), "a copy stands alone"


def test_the_sample_is_read_in_eval_mode_and_leaves_nothing() -> None:
    torch.manual_seed(0)
    model = toy_models.vgg().train()
    before = {name: value.clone() for name, value in model.named_buffers()}
    compress(model, 8, sample_of(images(70)), 8)
    for name, value in model.named_buffers():
        assert torch.equal(value, before[name]), f"{name}: BatchNorm moved while ranges were found"


def test_linear_layers_alone() -> None:
    model = toy_models.glu()
    state = copy.deepcopy(model.state_dict())
    compress(model, 8, NONE, 8, layers="linear")
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, state[name])}
    assert changed == {f"blocks.{block}.{layer}.weight" for block in (0, 1) for layer in ("fc1", "fc2")}
    mixed = toy_models.vgg()
    compress(mixed, 8, NONE, 8, layers="linear")
    assert hooks(mixed) == 1, "needs no examples, as convolutions stay float"


class Bypass(nn.Module):
    """Uses a layer's weight without calling the layer, as some attention does."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.inner, self.head = nn.Linear(8, 6), nn.Linear(6, 6), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.linear(self.stem(x), self.inner.weight).mean((1, 2)))


def test_what_cannot_be_quantized_is_said_and_nothing_is_left_behind() -> None:
    model, some = two_convolutions(), sample_of(images(4))
    state = copy.deepcopy(model.state_dict())
    for budget, bits, match in (
        (1, None, r"budget = 1: quantize takes a whole number of bits, 2 to 16"),
        (17, None, r"budget = 17: .* 2 to 16"),
        (2.5, None, r"budget = 2\.5: .* whole number"),
        (math.nan, None, r"budget = nan: .* whole number"),
        (math.inf, None, r"budget = inf: .* whole number"),
        (8, 1, r"activation_bits = 1: quantize takes a whole number of bits, 2 to 16"),
        (8, 17, r"activation_bits = 17: .* 2 to 16"),
    ):
        with pytest.raises(InputError, match=match):
            compress(model, budget, some, bits)
    with pytest.raises(InputError, match="quantize with activation_bits: needs examples"):
        compress(model, 8, NONE, 8)
    with pytest.raises(InputError, match="the input of a is NaN or infinite"):
        compress(model, 8, sample_of(torch.full((2, 1, 8, 8), math.inf)), 8)
    with pytest.raises(InputError, match="no linear layer but stem and classifier"):
        compress(model, 8, some, layers="linear")
    assert hooks(model) == 0
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    with pytest.raises(InputError, match="inner is used without being called"):
        compress(Bypass(), 8, some, 8)
    with pytest.raises(InputError, match="no convolution or linear layer but stem and classifier"):
        compress(nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Linear(8, 4)), 8, some)
