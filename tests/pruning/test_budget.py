"""From scores to kept units: exact counts, deterministic ties, the min-keep guard, floors that are named."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from maskbank.errors import InputError
from maskbank.measures.cost import trace_cost
from maskbank.pruning.allocation import removal_order
from maskbank.pruning.budget import BUDGET_KINDS, achieved, counts_after, cut_at, select, size_of
from tests.conftest import ARCHITECTURES


class Two(nn.Module):
    """Two layers of three nodes side by side: a unit of a costs 11 MACs, one of b costs 2."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.after_a = nn.Linear(10, 3, bias=False), nn.Linear(3, 1, bias=False)
        self.b, self.after_b = nn.Linear(1, 3, bias=False), nn.Linear(3, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1)
        return self.after_a(self.a(x[:, :10])) + self.after_b(self.b(x[:, 10:]))


TINY = trace_cost(Two(), (11, 1))
SCORES = {"a": torch.tensor([0.1, 0.9, 0.5]), "b": torch.tensor([0.3, 0.2, 0.8])}


def test_global_order_is_by_score_and_keeps_each_layers_best() -> None:
    assert removal_order(SCORES, TINY, "global").pairs() == [("a", 0), ("b", 1), ("b", 0), ("a", 2)]


def test_uniform_order_takes_turns() -> None:
    assert removal_order(SCORES, TINY, "uniform").pairs() == [("a", 0), ("b", 1), ("a", 2), ("b", 0)]


def test_global_macs_charges_for_cost() -> None:
    """A unit of a costs five times one of b, so that all removable ones of a go first."""
    assert removal_order(SCORES, TINY, "global_macs").pairs() == [("a", 0), ("a", 2), ("b", 1), ("b", 0)]


def test_equal_scores_leave_in_order_of_index() -> None:
    flat = {"a": torch.zeros(3), "b": torch.zeros(3)}
    assert removal_order(flat, TINY, "global").pairs() == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    kept = select(removal_order(flat, TINY, "uniform"), TINY, "units", 0.5)
    assert sum(map(len, kept.values())) == 3, "asked to keep half of equal scores, keeps half"


def test_selected_units_are_the_best_ones() -> None:
    kept = select(removal_order(SCORES, TINY, "global"), TINY, "units", 0.5)
    assert {name: index.tolist() for name, index in kept.items()} == {"a": [1, 2], "b": [2]}


def test_what_cannot_be_is_said() -> None:
    order = removal_order(SCORES, TINY, "global")
    with pytest.raises(InputError, match=r"out of reach; .* 0\.3333 remain"):
        select(order, TINY, "units", 0.2)
    with pytest.raises(InputError, match="nothing would be pruned"):
        select(order, TINY, "units", 0.95)
    with pytest.raises(InputError, match="NaN"):
        removal_order({"a": torch.tensor([1.0, float("nan"), 0.0]), "b": torch.zeros(3)}, TINY, "global")
    with pytest.raises(InputError, match=r"expected \[3\]"):
        removal_order({"a": torch.zeros(3), "b": torch.zeros(2)}, TINY, "global")


def test_a_budget_of_one_keeps_everything() -> None:
    kept = select(removal_order(SCORES, TINY, "uniform"), TINY, "units", 1.0)
    assert achieved(kept, TINY, "units") == 1


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    allocation=st.sampled_from(["uniform", "erk", "global", "global_macs", "isomorphic"]),
    kind=st.sampled_from(BUDGET_KINDS),
    budget=st.floats(0.3, 0.9),
    name=st.sampled_from(["resnet", "vit"]),
)
def test_every_budget_is_met_by_one_unit(seed: int, allocation: str, kind: str, budget: float, name: str) -> None:
    """Not above the budget, and above it with one unit more; never an empty layer."""
    architecture = ARCHITECTURES[name]
    torch.manual_seed(seed)
    cost = trace_cost(architecture.build(), (1, 8))
    scores = {layer.name: torch.rand(layer.count) for layer in cost.layers}
    order = removal_order(scores, cost, allocation)

    def size(counts: dict[str, int]) -> float:
        return float(size_of(kind, cost)(cost.row(counts))[0])

    dense = size(cost.dense)
    limit = round(budget * dense) if kind == "units" else budget * dense
    if size(counts_after(order, len(order), cost)) > limit:
        with pytest.raises(InputError, match="out of reach"):
            cut_at(order, cost, kind, budget)
        return
    cut = cut_at(order, cost, kind, budget)
    assert size(counts_after(order, cut, cost)) <= limit < size(counts_after(order, cut - 1, cost))
    assert min(counts_after(order, cut, cost).values()) >= 1
