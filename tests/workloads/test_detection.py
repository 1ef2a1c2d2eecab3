"""Detection: boxes that bound what is drawn, targets and mAP on examples worked out by hand, perfect and worthless models."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from maskbank.workloads import detection
from maskbank.workloads.detection import decode, loss, mean_average_precision, targets
from maskbank.workloads.generators import shapes
from tests.workloads.tiny import Oracle, tiny

NONE = [-1.0] * 5


def test_a_box_bounds_the_drawn_pixels() -> None:
    for label, share, top in ((0, math.pi / 4, 2), (1, 1, 2), (2, 0.5, 3)):  # a triangle's tip is thinner than a pixel
        mask, box = shapes.draw(label, (4, 2, 28, 22), 32)
        assert box == (4, top, 28, 22)
        assert not mask[:top].any()
        assert mask[top].any()
        assert not mask[:, 28:].any()
        assert mask.sum() == pytest.approx(share * 24 * 20, rel=0.03)


def test_images_hold_objects_apart_and_inside() -> None:
    _, y = shapes.images(np.random.default_rng(0), 200, 32, 3)
    there = y[..., 0] != shapes.EMPTY
    counts = there.sum(1)
    assert set(counts.tolist()) == {1, 2, 3}
    assert (np.sort(~there, 1) == ~there).all(), "rows without an object come last"
    assert np.unique(y[there][:, 0]).tolist() == [0, 1, 2]
    assert y[there][:, 1:].min() >= 0
    assert y[there][:, 1:].max() <= 32
    centres = (y[..., 1:3] + y[..., 3:5]) / 2
    for image, count in enumerate(counts):
        for i in range(count):
            for j in range(i):
                assert np.abs(centres[image, i] - centres[image, j]).max() >= shapes.APART
    sides = (y[..., 3:5] - y[..., 1:3])[there]
    assert sides.min() >= 8
    assert sides.max() <= 16


def test_some_objects_overlap() -> None:
    _, y = shapes.images(np.random.default_rng(0), 100, 32, 2)
    both = y[y[:, 1, 0] != shapes.EMPTY]
    low, high = np.maximum(both[:, 0, 1:3], both[:, 1, 1:3]), np.minimum(both[:, 0, 3:5], both[:, 1, 3:5])
    share = (high > low).all(1).mean()
    assert 0.05 < share < 0.9


def test_targets_of_one_box() -> None:
    y = torch.tensor([[[1.0, 5, 4, 12, 12], NONE]])
    heat, cells, wanted, there = targets(y, 4)
    assert there.tolist() == [[True, False]]
    assert int(cells[0, 0]) == 2 * 4 + 2
    assert wanted[0, 0].tolist() == pytest.approx([math.log(7 / 4), math.log(2), 0.125, 0])
    assert heat.shape == (1, 3, 4, 4)
    assert not heat[0, [0, 2]].any()
    assert float(heat[0, 1, 2, 2]) == 1
    assert float(heat[0, 1, 2, 3]) == pytest.approx(math.exp(-((24 / 7) ** 2) / 2))
    assert float(heat[0, 1, 1, 2]) == pytest.approx(math.exp(-9 / 2))


def test_loss_of_one_box_and_no_opinion() -> None:
    y = torch.tensor([[[1.0, 4, 4, 12, 12], NONE]])
    heat, *_ = targets(y, 4)
    focal = math.log(2) / 4 * (1 + float(((1 - heat) ** 4).sum()))  # chance 1/2 in each cell
    assert float(loss(torch.zeros(1, 7, 4, 4), y)) == pytest.approx(focal + math.log(2), rel=1e-6)


def perfect(y: Tensor, side: int) -> Tensor:
    """The outputs whose detections are the boxes of y."""
    heat, cells, wanted, there = targets(y, side)
    boxes = torch.zeros(len(y), 4, side * side)
    for image, place in there.nonzero().tolist():
        boxes[image, :, cells[image, place]] = wanted[image, place]
    return torch.cat([torch.where(heat == 1, 12.0, -12.0), boxes.unflatten(2, (side, side))], 1)


def test_perfect_outputs_decode_to_the_boxes_and_score_one() -> None:
    workload = tiny(detection, test=60, size=32)
    x, y = workload.test
    outputs = perfect(y, 8)
    for found, boxes in zip(decode(outputs), y, strict=True):
        truth = boxes[boxes[:, 0] != shapes.EMPTY]
        sure = found[found[:, 5] > 0.5]
        assert len(sure) == len(truth)
        for box in truth:
            assert (sure[:, :5] - box).abs().amax(1).min() < 1e-4
    assert workload.score(Oracle(x, outputs, x[0].numel()), (x, y)) == pytest.approx(1, abs=1e-12)
    wrong = torch.cat([outputs[:, [1, 2, 0]], outputs[:, 3:]], 1)
    assert workload.score(Oracle(x, wrong, x[0].numel()), (x, y)) < 0.01
    assert float(loss(outputs, y)) < 1e-3


def found(*rows: list[float]) -> Tensor:
    return torch.tensor(rows)[None]


BOX = [0.0, 0, 0, 10, 10]
SECOND = [0.0, 16, 16, 26, 26]


@pytest.mark.parametrize(
    ("detections", "truth", "expected"),
    [
        (found([*BOX, 0.9]), [BOX], 1),
        (found([0, 1, 0, 11, 10, 0.9]), [BOX], 0.7),  # IoU 9 / 11: right at .50 to .80
        (found([0, 0, 0, 10, 5.5, 0.9]), [BOX], 0.2),  # IoU .55
        (found([1, *BOX[1:], 0.9]), [BOX], 0),  # another class
        (found([*BOX, 0.0]), [BOX], 0),  # no detection at all
        (found([*BOX, 0.9], [*BOX, 0.8]), [BOX], 1),  # found twice, but the first one was right
        (found([*BOX, 0.9], [0, 20, 0, 30, 9, 0.8], [*SECOND, 0.7]), [BOX, SECOND], (51 + 50 * 2 / 3) / 101),
        (found([*BOX, 0.9]), [BOX, SECOND], 51 / 101),  # recall of a half
        (found([*BOX, 0.9]), [BOX, [1, *SECOND[1:]]], 1 / 2),  # mean over two classes
        (found([*BOX, 0.9]), [NONE], 0),
    ],
)
def test_map_by_hand(detections: Tensor, truth: list[list[float]], expected: float) -> None:
    """101 points of recall, precision at each the best at that recall or above (COCO)."""
    assert mean_average_precision(detections, torch.tensor(truth)[None]) == pytest.approx(expected, abs=1e-9)


def test_map_is_not_confused_by_images() -> None:
    truth = torch.tensor([[BOX], [SECOND]])
    right = torch.tensor([[[*BOX, 0.9]], [[*SECOND, 0.8]]])
    assert mean_average_precision(right, truth) == pytest.approx(1)
    assert mean_average_precision(right.flip(0), truth) == 0


def test_a_model_that_has_diverged_scores_nothing() -> None:
    x, y = tiny(detection).test
    assert detection.score(Oracle(x, torch.full((len(x), 7, 4, 4), torch.nan), x[0].numel()), (x, y)) == 0
