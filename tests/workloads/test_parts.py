"""Parts: points on the solids they are named after, mean IoU by hand, a model that does not care about the points' order."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from maskbank.workloads import parts
from maskbank.workloads.generators import solids
from maskbank.workloads.generators.solids import PARTS, Solid
from maskbank.workloads.parts import mean_iou
from tests.workloads.tiny import Oracle, tiny


def spots(solid: Solid, points: int = 4000) -> np.ndarray:
    """Points of one solid as multiples of its half sides, from its centre."""
    cloud, numbers = solids.sample(np.random.default_rng(0), [solid], points)
    assert set(numbers.tolist()) == {PARTS.index(solid.part)}
    return (cloud - solid.centre) / solid.half


def test_points_of_a_box_lie_on_its_faces_by_area() -> None:
    spot = spots(Solid("table top", (1, 2, 3), (1, 2, 4)))
    assert np.abs(spot).max(1) == pytest.approx(1)
    on = (np.abs(spot) == np.abs(spot).max(1, keepdims=True)).mean(0)
    assert on == pytest.approx(np.array([8, 4, 2]) / 14, abs=0.03)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_points_of_a_cylinder_lie_on_its_side_or_ends(axis: int) -> None:
    spot = spots(Solid("lamp pole", (0, 1, 0), (2, 2, 2), axis))
    radius = np.sqrt((np.delete(spot, axis, 1) ** 2).sum(1))
    side, ends = np.isclose(radius, 1), np.isclose(np.abs(spot[:, axis]), 1)
    assert (side | ends).all()
    assert radius.max() < 1 + 1e-9
    assert np.abs(spot[:, axis]).max() < 1 + 1e-9
    assert 0.6 < side.mean() < 0.73, "two thirds: the faces of the box around it"


def test_turning_keeps_lengths_and_what_is_up() -> None:
    for seed in range(20):
        turn = solids.turn(np.random.default_rng(seed))
        assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-12)
        assert np.linalg.det(turn) == pytest.approx(1)
        assert turn[2, 2] >= np.cos(solids.TILT)


def test_clouds_hold_the_parts_of_one_object_in_the_unit_ball() -> None:
    x, y = solids.clouds(np.random.default_rng(0), 200, 128, 0.02)
    radius = np.sqrt((x[..., 0] ** 2).sum(1)).max(1)
    assert radius.min() >= 0.75 - 1e-6
    assert radius.max() <= 1 + 1e-6
    assert np.abs(x[..., 0].mean(2)).max() < 1e-6
    kinds = [{PARTS[part].split()[0] for part in np.unique(cloud)} for cloud in y]
    assert all(len(kind) == 1 for kind in kinds)
    assert set.union(*kinds) == {"table", "lamp", "plane", "chair"}
    shares = np.bincount(y.flatten(), minlength=len(PARTS)) / y.size
    assert shares.min() > 0.02
    assert (np.diff(y) != 0).any(1).all(), "the order of points tells nothing"


def test_mean_iou_by_hand() -> None:
    y, named = torch.tensor([[0, 0, 0, 1], [1, 2, 2, 2]]), torch.tensor([[0, 0, 1, 1], [2, 2, 2, 5]])
    # part 0: 2 of 3; part 1: 1 of 3; part 2: 2 of 4; part 5 is only named, and costs part 2
    assert mean_iou(named, y) == pytest.approx((2 / 3 + 1 / 3 + 1 / 2) / 3)
    assert mean_iou(y, y) == 1
    assert mean_iou(torch.full_like(y, 7), y) == 0


def test_perfect_and_constant_models() -> None:
    workload = tiny(parts, test=30)
    x, y = workload.test
    logits = F.one_hot(y, len(PARTS)).transpose(1, 2).float()
    assert workload.score(Oracle(x, logits, x[0].numel()), (x, y)) == 1
    constant = Oracle(x, torch.zeros_like(logits), x[0].numel())
    assert workload.score(constant, (x, y)) == pytest.approx(float((y == 0).float().mean()) / len(y.unique()))
    assert workload.score(constant, (x, y)) < 0.05


def test_loss_of_no_opinion() -> None:
    y = torch.tensor([[0, 4, 10]])
    assert float(parts.loss(torch.zeros(1, 11, 3), y)) == pytest.approx(np.log(11))


def test_the_model_takes_points_in_any_order_and_sees_all_of_them() -> None:
    workload = tiny(parts)
    torch.manual_seed(0)
    model, x = workload.build().eval(), workload.train[0][:2]
    order = torch.randperm(32)
    assert torch.allclose(model(x)[:, :, order], model(x[:, :, order]), atol=1e-6)
    moved = x.clone()
    moved[:, :, 0] *= 3
    assert not torch.allclose(model(x)[:, :, 1:], model(moved)[:, :, 1:]), "the maximum is over all points"
