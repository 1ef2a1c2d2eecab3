"""What is masked stays exactly zero: weights, gradients, moments. What moves between masks is counted."""

import pytest
import torch
from torch import nn

from maskbank.errors import WorkError
from maskbank.pruning.patterns import pattern_of
from maskbank.sparse.masks import Masking, moved

MASK = torch.tensor([[True, False, True, False], [False, True, False, True]])
PLAIN = pattern_of("unstructured")


def masking(optimizer: type = torch.optim.Adam, **options: float) -> Masking:
    torch.manual_seed(0)
    layer = nn.Linear(4, 2)
    return Masking({"weight": layer.weight}, optimizer(layer.parameters(), lr=0.1, **options))


def step(masking: Masking) -> None:
    weight = masking.weights["weight"]
    weight.grad = torch.arange(1.0, 9).reshape(2, 4)
    masking.mask_gradients()
    masking.optimizer.step()


@pytest.mark.parametrize(
    ("optimizer", "options"),
    [(torch.optim.Adam, {"weight_decay": 0.1}), (torch.optim.SGD, {"momentum": 0.9, "nesterov": True})],
)
def test_masks_set_in_mid_run_hold(optimizer: type, options: dict) -> None:
    masked = masking(optimizer, **options)
    step(masked)
    masked.put({"weight": MASK})
    for _ in range(3):
        masked.check()
        step(masked)
    weight = masked.weights["weight"].detach()
    assert (weight[~MASK].view(torch.int32) == 0).all(), "zero to the bit, not minus zero"
    assert (weight[MASK] != 0).all()
    assert masked.weights["weight"].grad.tolist() == [[1, 0, 3, 0], [0, 6, 0, 8]]


def test_revived_weights_start_at_zero_with_zero_moments() -> None:
    masked = masking()
    step(masked)
    masked.put({"weight": MASK})
    step(masked)
    masked.put({"weight": torch.ones(2, 4, dtype=torch.bool)})
    assert (masked.weights["weight"][~MASK] == 0).all()
    state = masked.optimizer.state[masked.weights["weight"]]
    for name in ("exp_avg", "exp_avg_sq"):
        assert (state[name][~MASK] == 0).all()
        assert (state[name][MASK] > 0).all()
    step(masked)
    assert (masked.weights["weight"][~MASK] != 0).all()


def test_what_comes_back_is_named() -> None:
    """The defect that the invariant is for: a mask set in mid-run, gradients masked, moments not."""
    masked = masking()
    step(masked)
    masked.masks["weight"], masked.factors["weight"] = MASK, MASK.float()
    with pytest.raises(WorkError, match=r"weight: 4 of 4 masked weights are not zero"):
        masked.check()
    with torch.no_grad():
        masked.weights["weight"].mul_(MASK)
    with pytest.raises(WorkError, match=r"weight: 4 moments of masked weights are not zero"):
        masked.check()


def test_the_smallest_leave_and_the_highest_grow() -> None:
    keep = torch.tensor([[5.0, 0.0, 0.1, 0.0], [0.0, 0.2, 0.0, 7.0]])
    grow = torch.tensor([[99.0, 3.0, 99.0, 1.0], [4.0, 99.0, 2.0, 99.0]])
    assert moved(MASK, PLAIN, keep, grow, 0.5).tolist() == [[True, True, False, False], [True, False, False, True]]


def test_ties_go_to_the_lower_index() -> None:
    ones = torch.ones(2, 4)
    assert moved(MASK, PLAIN, ones, ones, 0.25).tolist() == [[True, True, True, False], [False, True, False, False]]


def test_nothing_moves_where_it_cannot() -> None:
    full, ones = torch.ones(2, 4, dtype=torch.bool), torch.ones(2, 4)
    assert moved(full, PLAIN, ones, ones, 0.5).all()
    assert (moved(MASK, PLAIN, ones, ones, 0.1) == MASK).all()
    single = torch.zeros(2, 4, dtype=torch.bool)
    single[0, 0] = True
    assert (moved(single, PLAIN, ones, ones, 0.9) == single).all(), "the last one stays"


def test_blocks_move_whole() -> None:
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[:2, :2] = mask[2:, 2:] = True
    keep, grow = torch.ones(4, 4), torch.zeros(4, 4)
    keep[:2, :2], grow[2:, :2] = 0.5, 1
    found = moved(mask, pattern_of("block:2"), keep, grow, 0.5)
    assert found.nonzero().tolist() == [[2, 0], [2, 1], [2, 2], [2, 3], [3, 0], [3, 1], [3, 2], [3, 3]]
