"""Unstructured masks: exact counts, ties, densities; quantization on values that can be checked by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskbank.errors import InputError
from maskbank.models.checkpoint import Architecture
from maskbank.pruning.compressors.quantize import quantize
from maskbank.pruning.weights import exact_top, magnitude_masks, packed_bytes, prunable_weights, random_masks
from maskbank.registry import COMPRESSORS


def test_ties_go_to_the_lower_index() -> None:
    assert exact_top(torch.tensor([1.0, 2.0, 2.0, 2.0]), 2).tolist() == [False, True, True, False]
    assert exact_top(torch.zeros(4), 2).tolist() == [True, True, False, False]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.data())
def test_exactly_as_many_as_asked(values: list[int], data: st.DataObject) -> None:
    keep = data.draw(st.integers(0, len(values)))
    flat = torch.tensor(values, dtype=torch.float32)
    mask = exact_top(flat, keep)
    assert int(mask.sum()) == keep
    if 0 < keep < len(values):
        assert flat[mask].min() >= flat[~mask].max()


def test_global_and_uniform_masks() -> None:
    weights = {"a": torch.tensor([[1.0, -4.0]]), "b": torch.tensor([[3.0, 2.0]])}
    assert {name: mask.tolist() for name, mask in magnitude_masks(weights, 0.5, "global").items()} == {
        "a": [[False, True]],
        "b": [[True, False]],
    }
    assert {name: mask.tolist() for name, mask in magnitude_masks(weights, 0.5, "uniform").items()} == {
        "a": [[False, True]],
        "b": [[True, False]],
    }
    with pytest.raises(InputError, match="leave no weight in a"):
        magnitude_masks(weights, 0.1, "uniform")


def test_random_masks_are_exact_and_seeded() -> None:
    weights = {"a": torch.zeros(10, 10)}
    one, two = (random_masks(weights, 0.2, torch.Generator().manual_seed(0))["a"] for _ in range(2))
    assert int(one.sum()) == 20
    assert torch.equal(one, two)


def test_stem_and_classifier_stay_dense(architecture: Architecture) -> None:
    model = architecture.build()
    names = list(prunable_weights(model))
    head = next(name for name, module in model.named_modules() if module is model.get_classifier())
    first = next(name for name, module in model.named_modules() if isinstance(module, torch.nn.Conv2d))
    assert f"{head}.weight" not in names
    assert f"{first}.weight" not in names


def test_quantization_by_hand() -> None:
    """3 bits hold -3..3; the largest weight 6 sets the step to 2."""
    weight = torch.tensor([[6.0, -2.9, 0.9, 1.1]])
    assert quantize(weight, 3).tolist() == [[6.0, -2.0, 0.0, 2.0]]


@pytest.mark.parametrize("name", COMPRESSORS.names())
def test_every_compressor_runs_and_shrinks(name: str, architecture: Architecture) -> None:
    torch.manual_seed(0)
    model = architecture.build()
    full = packed_bytes(model, {})
    budget = {"weights": 0.25, "bits": 4}[COMPRESSORS.module(name).BUDGET_KIND]
    compressed = COMPRESSORS.module(name).compress(model, budget)
    assert compressed.achieved == pytest.approx(budget, abs=1e-3)
    assert compressed.bytes < full
    for weight, density in compressed.density.items():
        assert float((model.get_parameter(weight) != 0).double().mean()) == density
