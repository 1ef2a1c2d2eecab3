"""Masks of single weights: exact counts and ties, allocations, patterns."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from maskbank.errors import InputError, WorkError
from maskbank.models.checkpoint import Architecture
from maskbank.pruning import topk
from maskbank.pruning.density import erk, share
from maskbank.pruning.patterns import Block, NOfM, Pattern, Unstructured, pattern_of
from maskbank.pruning.sample import Sample
from maskbank.pruning.topk import top
from maskbank.pruning.weights import (
    apply_masks,
    check_masks,
    densities,
    magnitudes,
    packed_bytes,
    prunable_weights,
    weight_masks,
)
from maskbank.registry import COMPRESSORS

TWO = {"a": torch.tensor([[1.0, 4.0]]), "b": torch.tensor([[3.0, 2.0]])}
PAIR = {"a": torch.tensor([[9.0, 8.0, 7.0, 6.0]]), "b": torch.tensor([[1.0, 2.0, 3.0, 4.0]])}


def lists(masks: dict[str, Tensor]) -> dict[str, list]:
    return {name: mask.int().tolist() for name, mask in masks.items()}


def by_sorting(values: dict[str, Tensor], keep: int) -> dict[str, list[bool]]:
    """The rule, said slowly: each tensor's best, then the others by value, tensor and index."""
    listed = {name: value.flatten().tolist() for name, value in values.items()}
    best = {(name, numbers.index(max(numbers))) for name, numbers in listed.items()}
    names = list(listed)
    places = [(-number, names.index(name), index) for name in names for index, number in enumerate(listed[name])]
    ranked = [(names[tensor], index) for _, tensor, index in sorted(places)]
    chosen = best | set([place for place in ranked if place not in best][: keep - len(best)])
    return {name: [(name, index) in chosen for index in range(len(numbers))] for name, numbers in listed.items()}


def test_ties_go_to_the_lower_index() -> None:
    assert top({"a": torch.tensor([1.0, 2.0, 2.0, 2.0])}, 2)["a"].tolist() == [False, True, True, False]
    assert top({"a": torch.zeros(4)}, 2)["a"].tolist() == [True, True, False, False]
    assert lists(top({"a": torch.zeros(3), "b": torch.zeros(3)}, 4)) == {"a": [1, 1, 1], "b": [1, 0, 0]}


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=12), min_size=1, max_size=4), st.data())
def test_exactly_as_many_as_asked_and_one_in_each(numbers: list[list[int]], data: st.DataObject) -> None:
    values = {str(place): torch.tensor(row, dtype=torch.float32) for place, row in enumerate(numbers)}
    keep = data.draw(st.integers(len(numbers), sum(map(len, numbers))))
    assert {name: mask.tolist() for name, mask in top(values, keep).items()} == by_sorting(values, keep)


@pytest.mark.parametrize("kind", ["normal", "rounded", "sorted", "constant", "periodic", "two"])
@pytest.mark.parametrize("share_kept", [0.001, 0.1, 0.5, 0.999])
def test_large_tensors_agree_with_a_full_sort(kind: str, share_kept: float) -> None:
    """Above the size where the threshold is looked for in a band; `periodic` and `sorted` mislead a regular sample."""
    generator = torch.Generator().manual_seed(0)
    count = 20 * topk.SAMPLE
    flat = {
        "normal": lambda: torch.randn(count, generator=generator),
        "rounded": lambda: torch.randn(count, generator=generator).mul(10).round(),
        "sorted": lambda: torch.arange(count).float(),
        "constant": lambda: torch.zeros(count),
        "periodic": lambda: (torch.arange(count) % 20 == 0).float() + torch.rand(count, generator=generator) / 10,
        "two": lambda: torch.arange(count).gt(count // 2) * 1.0,
    }[kind]()
    keep = round(share_kept * count)
    first, second = flat.split([count // 3, count - count // 3])
    chosen = top({"a": first, "b": second.reshape(-1, 1)}, keep)
    expected = torch.zeros(count, dtype=torch.bool)
    expected[flat.sort(descending=True, stable=True).indices[:keep]] = True
    found = torch.cat([chosen["a"], chosen["b"].flatten()])
    for start, end in ((0, len(first)), (len(first), count)):
        if not expected[start:end].any():  # the best one of a starved tensor takes the place of the last
            expected[expected.nonzero()[flat[expected].argsort(stable=True, descending=True)[-1]]] = False
            expected[start + int(flat[start:end].argmax())] = True
    assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_layout_and_type_do_not_matter(dtype: torch.dtype) -> None:
    """A channels-last tensor full of ties has the mask of the same tensor laid out in order, and keeps its layout."""
    value = torch.randint(0, 3, (6, 4, 3, 3), generator=torch.Generator().manual_seed(0)).to(dtype)
    last = value.to(memory_format=torch.channels_last)
    plain, strided = top({"a": value}, 77)["a"], top({"a": last}, 77)["a"]
    assert torch.equal(plain, strided)
    assert strided.is_contiguous(memory_format=torch.channels_last)
    assert plain.flatten().tolist() == by_sorting({"a": value}, 77)["a"]


def test_global_and_uniform_masks() -> None:
    assert lists(weight_masks(TWO, 0.5, "global")) == {"a": [[0, 1]], "b": [[1, 0]]}
    assert lists(weight_masks(TWO, 0.5, "uniform")) == {"a": [[0, 1]], "b": [[1, 0]]}
    assert lists(weight_masks(PAIR, 0.5, "uniform")) == {"a": [[1, 1, 0, 0]], "b": [[0, 0, 1, 1]]}
    assert lists(weight_masks(PAIR, 0.75, "global")) == {"a": [[1, 1, 1, 1]], "b": [[0, 0, 1, 1]]}


@pytest.mark.parametrize("allocation", ["uniform", "global", "erk", "isomorphic"])
def test_the_last_weight_of_a_tensor_stays(allocation: str) -> None:
    """b is worth nothing, and still keeps its best weight, within the same total."""
    masks = weight_masks(PAIR, 0.25, allocation)
    assert lists(masks) == {"a": [[1, 0, 0, 0]], "b": [[0, 0, 0, 1]]}
    with pytest.raises(
        InputError, match=r"budget of 0\.1 of the weights: out of reach; with one left in each tensor 0\.25"
    ):
        weight_masks(PAIR, 0.1, allocation)
    with pytest.raises(InputError, match="nothing would be pruned"):
        weight_masks(PAIR, 0.99, allocation)
    assert lists(weight_masks(PAIR, 1, allocation)) == {"a": [[1] * 4], "b": [[1] * 4]}


def test_isomorphic_ranks_tensors_of_one_shape_together() -> None:
    values = PAIR | {"c": torch.tensor([5.0, 6.0, 0.0, 7.0])}
    assert lists(weight_masks(values, 0.5, "isomorphic")) == {
        "a": [[1, 1, 1, 0]], "b": [[0, 0, 0, 1]], "c": [0, 1, 0, 1],
    }  # fmt: skip


def test_per_layer_densities_by_name() -> None:
    assert lists(weight_masks(PAIR, {"a": 0.25, "b": 1.0}, "per_layer")) == {"a": [[1, 0, 0, 0]], "b": [[1, 1, 1, 1]]}
    assert densities(weight_masks(PAIR, {"b": 0.75, "a": 0.01}, "per_layer")) == {"a": 0.25, "b": 0.75}
    for budget, match in (
        ({"a": 0.5}, "densities: none for b; give 1 to a tensor that stays whole"),
        ({"a": 0.5, "b": 0.5, "c": 0.5}, "density of 'c': no such prunable tensor; choose from a, b"),
        ({"a": 0.5, "b": 0.0}, r"density of b = 0\.0: expected a fraction above 0"),
        (0.5, "allocation 'per_layer' takes a density for each tensor"),
        ({"a": 0.9, "b": 1.0}, "nothing would be pruned"),
    ):
        with pytest.raises(InputError, match=match):
            weight_masks(PAIR, budget, "per_layer")


def test_what_is_no_budget_is_said() -> None:
    for budget in (0, -0.1, 1.5, {"a": 0.5}):
        with pytest.raises(InputError, match="takes one fraction above 0, up to 1"):
            weight_masks(PAIR, budget, "global")
    with pytest.raises(InputError, match="allocation = 'even': unknown for weights; choose from uniform, global, erk"):
        weight_masks(PAIR, 0.5, "even")
    with pytest.raises(InputError, match="saliency of b: NaN or infinite"):
        weight_masks(PAIR | {"b": torch.tensor([[1.0, math.nan, 0.0, 0.0]])}, 0.5)
    with pytest.raises(InputError, match="saliency of b: NaN or infinite"):
        weight_masks(PAIR | {"b": torch.tensor([[math.inf, 0.0]])}, 0.5)
    huge = {"a": torch.full((2, 2), 3e38), "b": torch.ones(2, 2)}
    assert lists(weight_masks(huge, 0.5))["a"] == [[1, 1], [1, 0]], "large sums are no infinities"


SHAPES = {
    "stem": (16, 3, 3, 3), "depthwise": (64, 1, 3, 3), "point": (64, 64, 1, 1), "wide": (128, 64, 3, 3), "head": (10, 128),
}  # fmt: skip


def rigl_densities(shapes: dict[str, tuple[int, ...]], budget: float) -> dict[str, float]:
    """RigL's formula, by raising the densest tensors to 1 one at a time instead of all that are over."""
    raw = {name: sum(shape) / math.prod(shape) for name, shape in shapes.items()}
    size = {name: math.prod(shape) for name, shape in shapes.items()}
    dense: set[str] = set()
    while True:
        zeros = sum((1 - budget) * size[name] for name in shapes if name not in dense)
        ones = sum(budget * size[name] for name in shapes if name not in dense)
        excess = sum((1 - budget) * size[name] for name in dense)
        epsilon = (ones - excess) / sum(raw[name] * size[name] for name in shapes if name not in dense)
        assert zeros >= 0
        worst = max((name for name in shapes if name not in dense), key=lambda name: raw[name])
        if epsilon * raw[worst] <= 1:
            return {name: 1.0 if name in dense else epsilon * raw[name] for name in shapes}
        dense.add(worst)


@pytest.mark.parametrize("budget", [0.02, 0.1, 0.3, 0.6, 0.95])
def test_erk_is_rigls_formula_with_an_exact_total(budget: float) -> None:
    sizes = {name: math.prod(shape) for name, shape in SHAPES.items()}
    kept, expected = erk(SHAPES, sizes, budget), rigl_densities(SHAPES, budget)
    assert sum(kept.values()) == round(budget * sum(sizes.values()))
    for name in SHAPES:
        assert abs(kept[name] - expected[name] * sizes[name]) <= 1


def test_erk_of_linear_layers_is_mocanus_formula() -> None:
    """epsilon (in + out) / (in out) with one epsilon for all; nothing is dense here."""
    shapes = {"a": (40, 60), "b": (100, 20), "c": (50, 50)}
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    kept = erk(shapes, sizes, 0.1)
    epsilon = 0.1 * sum(sizes.values()) / sum(map(sum, shapes.values()))
    assert {name: kept[name] for name in shapes} == {
        name: pytest.approx(epsilon * sum(shapes[name]), abs=1) for name in shapes
    }


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.integers(2, 6), min_size=2, max_size=4), min_size=1, max_size=6),
    st.floats(0.01, 0.8),
    st.sampled_from(["uniform", "global", "erk", "isomorphic"]),
)
def test_every_allocation_is_a_partition_within_bounds(dims: list[list[int]], budget: float, allocation: str) -> None:
    shapes = {str(place): tuple(shape) for place, shape in enumerate(dims)}
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    if round(budget * sum(sizes.values())) < len(sizes):
        with pytest.raises(InputError, match="out of reach"):
            share(shapes, sizes, budget, allocation)
        return
    groups = share(shapes, sizes, budget, allocation)
    assert sorted(name for names, _ in groups for name in names) == sorted(shapes)
    assert all(len(names) <= keep <= sum(sizes[name] for name in names) for names, keep in groups)
    if allocation in ("global", "erk"):
        assert sum(keep for _, keep in groups) == round(budget * sum(sizes.values()))


def test_n_of_m_by_hand() -> None:
    values = {"a": torch.tensor([[1.0, 4.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0]])}
    assert lists(weight_masks(values, 0.5, "uniform", NOfM(2, 4))) == {"a": [[0, 1, 0, 1, 1, 1, 0, 0]]}
    assert lists(weight_masks(values, 0.25, "uniform", NOfM(2, 8))) == {"a": [[0, 1, 0, 1, 0, 0, 0, 0]]}


@pytest.mark.parametrize(("n", "m"), [(2, 4), (4, 8), (1, 3), (3, 4)])
def test_n_of_m_runs_along_the_inputs_of_each_kernel_position(n: int, m: int) -> None:
    """By brute force over outputs, groups and kernel positions."""
    values = torch.rand(5, 24, 3, 3, generator=torch.Generator().manual_seed(0))
    mask = weight_masks({"a": values}, n / m, "uniform", NOfM(n, m))["a"]
    assert float(mask.float().mean()) == pytest.approx(n / m)
    for out, start, row, column in itertools.product(range(5), range(0, 24, m), range(3), range(3)):
        group, kept = values[out, start : start + m, row, column], mask[out, start : start + m, row, column]
        assert int(kept.sum()) == n
        assert group[kept].min() > group[~kept].max()


def test_n_of_m_has_its_own_density() -> None:
    values = {"a": torch.rand(4, 8), "b": torch.rand(4, 6)}
    with pytest.raises(InputError, match="pattern 2:4, m = 4: b has 6 inputs, which is no multiple of it"):
        weight_masks(values, 0.5, "uniform", NOfM(2, 4))
    with pytest.raises(InputError, match="allocation = 'global': pattern 2:4 is the same in every tensor; use uniform"):
        weight_masks({"a": values["a"]}, 0.5, "global", NOfM(2, 4))
    with pytest.raises(InputError, match=r"budget = 0\.3: pattern 2:4 keeps 0\.5 of the weights"):
        weight_masks({"a": values["a"]}, 0.3, "uniform", NOfM(2, 4))


def test_blocks_by_hand() -> None:
    """Four 2 x 2 blocks of sums 4, 8, 0 and 6."""
    values = {"a": torch.tensor([[1.0, 1, 2, 2], [1, 1, 2, 2], [0, 0, 6, 0], [0, 0, 0, 0]])}
    assert lists(weight_masks(values, 0.5, "global", Block(2))) == {
        "a": [[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]]
    }


def test_blocks_of_a_convolution_lie_at_one_kernel_position() -> None:
    values = torch.rand(8, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    mask = weight_masks({"a": values}, 0.25, "uniform", Block(4))["a"]
    assert mask.shape == values.shape
    blocks = mask.reshape(2, 4, 1, 4, 3, 3).float().mean((1, 3))
    assert set(blocks.unique().tolist()) == {0.0, 1.0}
    assert int(blocks.sum()) == round(0.25 * 18)
    sums = values.reshape(2, 4, 1, 4, 3, 3).sum((1, 3))
    assert sums[blocks == 1].min() > sums[blocks == 0].max()
    with pytest.raises(InputError, match="block size = 3: a has 8 outputs, which is no multiple"):
        weight_masks({"a": values}, 0.25, "uniform", Block(3))
    with pytest.raises(InputError, match="block size = 8: a has 4 inputs"):
        weight_masks({"a": values}, 0.25, "uniform", Block(8))


def test_patterns_have_names() -> None:
    assert pattern_of("unstructured") == Unstructured()
    assert pattern_of("2:4") == NOfM(2, 4)
    assert pattern_of("block:4") == Block(4)
    for text in ("4:2", "0:4", "4:4", "block:0", "block", "2:", "rows"):
        with pytest.raises(InputError, match="pattern"):
            pattern_of(text)


@pytest.mark.parametrize("pattern", [Unstructured(), Block(2), NOfM(2, 4)], ids=["unstructured", "block", "2:4"])
def test_nothing_is_changed_by_choosing(pattern: Pattern) -> None:
    values = {"a": torch.rand(4, 8, 3, 3).to(memory_format=torch.channels_last)}
    before = values["a"].clone()
    mask = weight_masks(values, 0.5, "uniform", pattern)["a"]
    assert torch.equal(values["a"], before)
    assert mask.dtype == torch.bool
    assert int(mask.sum()) == 144


def test_a_masked_weight_that_is_not_zero_is_named() -> None:
    weights = {"a": torch.tensor([1.0, 0.0, 2.0]), "b": torch.tensor([0.0, 3.0])}
    check_masks(weights, {"a": torch.tensor([True, False, True]), "b": torch.tensor([False, True])})
    with pytest.raises(WorkError, match="b: 1 of 2 masked weights are not zero"):
        check_masks(weights, {"b": torch.tensor([False, False])})
    weights["a"][1] = math.nan
    with pytest.raises(WorkError, match="a: 1 of 1"):
        check_masks(weights, {"a": torch.tensor([True, False, True])})


def test_stem_and_classifier_stay_dense(architecture: Architecture) -> None:
    model = architecture.build()
    names = list(prunable_weights(model))
    head = next(name for name, module in model.named_modules() if module is model.get_classifier())
    first = next(name for name, module in model.named_modules() if isinstance(module, torch.nn.Conv2d))
    assert f"{head}.weight" not in names
    assert f"{first}.weight" not in names


def test_masked_tensors_are_packed(small: Architecture) -> None:
    """A bit for every weight and four bytes for every live one, in place of four for every one."""
    model = small.build()
    weights = prunable_weights(model)
    masks = weight_masks(magnitudes(weights), 0.25, "global")
    apply_masks(weights, masks)
    total = sum(mask.numel() for mask in masks.values())
    live = sum(int(mask.sum()) for mask in masks.values())
    bits = sum((mask.numel() + 7) // 8 for mask in masks.values())
    assert live == round(0.25 * total)
    assert packed_bytes(model, {}) - packed_bytes(model, masks) == 4 * (total - live) - bits
    check_masks(weights, masks)


@pytest.mark.parametrize("name", COMPRESSORS.names())
def test_every_compressor_runs_and_shrinks(name: str, architecture: Architecture) -> None:
    torch.manual_seed(0)
    model = architecture.build()
    full = packed_bytes(model, {})
    budget = {"bits": 4}[COMPRESSORS.module(name).BUDGET_KIND]
    none = Sample(torch.empty(0), torch.empty(0, dtype=torch.int64), torch.Generator())
    compressed = COMPRESSORS.module(name).compress(model, budget, none)
    assert compressed.achieved == budget
    assert compressed.bytes < full
