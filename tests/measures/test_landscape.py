"""Landscapes: directions with the norms of the weights' filters, the model itself in the middle."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from maskbank.measures.landscape import axis, filter_direction, loss_grid, loss_line
from tests.measures.test_sharpness import MODELS, batch, generator, mlp, single


@pytest.mark.parametrize(
    ("points", "span", "expected"),
    [(1, 2.0, [0.0]), (3, 0.5, [-0.5, 0.0, 0.5]), (5, 1.0, [-1.0, -0.5, 0.0, 0.5, 1.0])],
)
def test_places(points: int, span: float, expected: list[float]) -> None:
    assert axis(points, span) == expected


def test_the_middle_is_exactly_zero_and_no_two_places_read_alike() -> None:
    for points in (7, 21, 51):
        places = axis(points, 0.7)
        assert places[points // 2] == 0
        assert len({f"{place:g}" for place in places}) == points
        assert "-0" not in {f"{place:g}" for place in places}


@pytest.mark.parametrize("name", list(MODELS))
def test_each_filter_has_the_norm_of_the_weights_own(name: str) -> None:
    model = MODELS[name]()
    direction = filter_direction(model, generator())
    assert list(direction) == [name for name, _ in model.named_parameters()]
    for name, weight in model.named_parameters():
        if weight.dim() < 2:
            assert not direction[name].any(), f"{name}: biases and norms do not move"
        else:
            torch.testing.assert_close(direction[name].flatten(1).norm(dim=1), weight.detach().flatten(1).norm(dim=1))
            assert (direction[name] - weight).abs().max() > 0


def test_a_filter_of_zeros_stays() -> None:
    model = mlp()
    model[2].weight.data[2] = 0
    direction = filter_direction(model, generator())["2.weight"]
    assert not direction[2].any()
    assert direction[[0, 1, 3]].any(1).all()


def test_the_line_through_one_weight_in_closed_form() -> None:
    """A filter of one number: its direction is the weight or its negative."""
    x, y = torch.tensor([0.5, 2.0]).double().view(2, 1, 1, 1), torch.zeros(2, dtype=torch.int64)
    model = single(3.0)
    sign = float(filter_direction(model, generator())["1.weight"][0, 0]) / 3
    assert abs(sign) == 1
    for a, loss in loss_line(model, x, y, points=5, span=2.0, generator=generator()).items():
        weight = 3 * (1 + sign * a)
        assert loss == pytest.approx(sum(math.log1p(math.exp(-weight * z)) for z in (0.5, 2.0)) / 2, rel=1e-12)


@pytest.mark.parametrize("name", list(MODELS))
def test_grid_and_line_share_their_direction_and_their_middle(name: str) -> None:
    model, (x, y) = MODELS[name](), batch(12)
    given = {"points": 3, "span": 0.5}
    line = loss_line(model, x, y, **given, generator=generator())
    grid = loss_grid(model, x, y, **given, generator=generator())
    assert len(grid) == 9
    assert line[0.0] == grid[0.0, 0.0] == pytest.approx(float(F.cross_entropy(model(x), y).detach()), rel=1e-12)
    assert {a: grid[a, 0.0] for a in line} == line
    assert len({grid[a, b] for a in line for b in line}) == 9
    assert grid == loss_grid(model, x, y, **given, generator=generator())
    assert grid != loss_grid(model, x, y, **given, generator=generator(1))


def test_the_model_is_left_as_it_was() -> None:
    model, (x, y) = MODELS["conv_model"]().train(), batch(12)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    loss_line(model, x, y, points=3, span=1.0, generator=generator())
    loss_grid(model, x, y, points=3, span=1.0, generator=generator())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert all(isinstance(value, nn.Parameter) and value.grad is None for value in model.parameters())
