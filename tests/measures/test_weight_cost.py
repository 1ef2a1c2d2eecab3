"""Costs of single weights: the same as the traced ones where both can be had, and by hand elsewhere."""

import torch
from torch import Tensor, nn

from maskbank.measures.cost import trace_cost
from maskbank.measures.weight_cost import weight_cost
from maskbank.models.checkpoint import Architecture
from maskbank.pruning.weights import prunable_weights


def test_it_counts_what_the_trace_of_units_counts(architecture: Architecture) -> None:
    model = architecture.build().train()
    cost, traced = weight_cost(model, torch.zeros(1, *architecture.image, architecture.size)), None
    traced = trace_cost(model, architecture.image)
    assert cost.macs == traced.macs(traced.dense)
    assert cost.params == traced.params(traced.dense)
    assert model.training, "left as it was"


def test_sparse_macs_follow_density(architecture: Architecture) -> None:
    model = architecture.build()
    cost = weight_cost(model, torch.zeros(1, *architecture.image, architecture.size))
    names = list(prunable_weights(model))
    assert cost.sparse_macs({}) == cost.macs
    empty = cost.sparse_macs(dict.fromkeys(names, 0.0))
    assert empty == cost.macs - sum(cost.each[name] for name in names) > 0
    assert abs(cost.sparse_macs(dict.fromkeys(names, 0.25)) - (empty + (cost.macs - empty) / 4)) < 1e-6 * cost.macs


class Shared(nn.Module):
    """A linear layer used at 5 places and once more; a product of 5 x 3 by 3 x 5."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(self.layer(x)[:, :1] + x)
        return x @ x.transpose(1, 2)


def test_by_hand() -> None:
    cost = weight_cost(Shared(), torch.zeros(1, 5, 3))
    assert cost.each == {"layer.weight": 2 * 5 * 9}
    assert (cost.macs, cost.params) == (2 * 5 * 9 + 5 * 3 * 5, 9)
    assert cost.sparse_macs({"layer.weight": 0.5}) == 120
