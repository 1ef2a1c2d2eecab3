"""SYNTHETIC images of shapes on noise; a small detector of centres, sizes and offsets, judged by COCO's mAP.

The detector and its loss are CenterNet's (Zhou et al. 2019, sections 3 and 4) on a model of ours. Our reading: sizes are
learned as logarithms, the Gaussian around a centre has a sixth of the box's sides as deviations, and the three terms of
the loss weigh the same.
"""

import contextlib
import functools
import io

import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.seeds import numpy_generator
from maskbank.training.workload import Pairs, Workload
from maskbank.workloads.generators.shapes import CLASSES, EMPTY, images
from maskbank.workloads.generators.sizes import check_multiple, check_sizes
from maskbank.workloads.models.detector import STRIDE, Detector

DATASET = "synthetic-shapes"
MODEL = "detector"
METRIC = "map"
DETECTIONS = 20  # an image, the surest first
BATCH = 100


def workload(
    *,
    seed: int = 0,
    train: int = 2000,
    validation: int = 300,
    test: int = 500,
    size: int = 32,
    objects: int = 3,
    width: int = 24,
    blocks: int = 2,
) -> Workload:
    """`train`, `validation`, `test`: images; `size`: pixels a side; `objects`: at most in an image.

    x [N, 3, size, size] float32 about 0, y [N, objects, 5] of class (EMPTY for none), left, top, right, bottom in
    pixels. The parts are drawn by generators of their own. Raises InputError for sizes that are too small.
    """
    check_sizes("detection", least=0, seed=seed)
    check_sizes("detection", train=train, validation=validation, test=test, objects=objects, width=width, blocks=blocks)
    check_multiple("detection", 16, size=size)

    def part(number: int, count: int) -> Pairs:
        x, y = images(numpy_generator(seed, "detection", number), count, size, objects)
        return torch.from_numpy(x).float().div(255).sub(0.5).div(0.25), torch.from_numpy(y)

    build = functools.partial(Detector, len(CLASSES), width, blocks)
    return Workload(METRIC, build, loss, score, part(0, train), part(1, validation), part(2, test))


def targets(y: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of y [B, M, 5] on a map of `side` cells: what the heads should say.

    Heat [B, classes, side, side], 1 in the cell of a centre; cell of each object [B, M]; its log size and offset
    [B, M, 4], sizes in cells; whether there is an object [B, M].
    """
    there = y[..., 0] != EMPTY
    label = y[..., 0].clamp(min=0).long()
    sizes = (y[..., 3:5] - y[..., 1:3]).masked_fill(~there[..., None], STRIDE) / STRIDE
    centres = ((y[..., 1:3] + y[..., 3:5]) / (2 * STRIDE)).masked_fill(~there[..., None], 0)
    column, row = (cell := centres.floor()).unbind(-1)
    deviations = sizes / 6
    grid = torch.arange(side, device=y.device)
    across = ((grid - column[..., None]) / deviations[..., :1]) ** 2  # [B, M, side]
    down = ((grid - row[..., None]) / deviations[..., 1:]) ** 2
    bumps = torch.exp(-(down[..., :, None] + across[..., None, :]) / 2)  # [B, M, side, side]
    classes = F.one_hot(label, len(CLASSES)) * there[..., None]  # [B, M, classes]
    heat = (bumps[:, :, None] * classes[..., None, None]).amax(1)
    return heat, (row * side + column).long(), torch.cat([sizes.log(), centres - cell], -1), there


def loss(outputs: Tensor, y: Tensor) -> Tensor:
    """Penalty-reduced focal loss of the centres (alpha 2, beta 4) and L1 of log sizes and offsets, an object."""
    outputs = outputs.float()
    heat, cells, wanted, there = targets(y, outputs.shape[-1])
    logits = outputs[:, : len(CLASSES)]
    chance, centre = logits.sigmoid(), heat == 1
    missed = (1 - chance) ** 2 * F.logsigmoid(logits)
    false = (1 - heat) ** 4 * chance**2 * F.logsigmoid(-logits)
    count = there.sum().clamp(min=1)
    boxes = outputs[:, len(CLASSES) :].flatten(2)  # [B, 4, cells]
    given = boxes.gather(2, cells[:, None].expand(-1, 4, -1)).transpose(1, 2)
    regression = ((given - wanted).abs() * there[..., None]).sum() / 2
    return (regression - torch.where(centre, missed, false).sum()) / count


def decode(outputs: Tensor, count: int = DETECTIONS) -> Tensor:
    """[B, count, 6] of class, left, top, right, bottom in pixels and score, the surest first.

    A cell counts where its heat is the highest of its neighbourhood of 3 x 3 (CenterNet, section 4.1).
    """
    heat = outputs[:, : len(CLASSES)].float().sigmoid()
    side = heat.shape[-1]
    peaks = torch.where(F.max_pool2d(heat, 3, 1, 1) == heat, heat, 0).flatten(1)
    scores, index = peaks.topk(min(count, peaks.shape[1]), 1)
    label, cell = index // side**2, index % side**2
    boxes = outputs[:, len(CLASSES) :].float().flatten(2).gather(2, cell[:, None].expand(-1, 4, -1))
    centres = torch.stack([cell % side, cell // side], 1) + boxes[:, 2:]
    halves = boxes[:, :2].clamp(max=10).exp() / 2
    corners = torch.cat([centres - halves, centres + halves], 1) * STRIDE  # [B, 4, count]
    return torch.cat([label[..., None], corners.transpose(1, 2), scores[..., None]], 2)


@torch.no_grad()
def score(model: nn.Module, pairs: Pairs) -> float:
    """mAP of the model's detections on these images."""
    x, y = pairs
    device = next(model.parameters()).device
    return mean_average_precision(torch.cat([decode(model(images.to(device))).cpu() for images in x.split(BATCH)]), y)


def mean_average_precision(detections: Tensor, y: Tensor) -> float:
    """COCO's mAP, 0 to 1: mean over classes and over IoU .50, .55 ... .95 of average precision (pycocotools).

    `detections` [N, D, 6] as of `decode` (scores of 0 are none), y [N, M, 5]. Classes that y does not hold are left out.
    """
    truth = annotations(y, y[..., 0] != EMPTY)
    given = annotations(detections, detections[..., 5] > 0)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        judge = COCOeval(coco(truth, len(y)), coco(given, len(y)), "bbox")
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.params.maxDets = [100]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"]  # [IoUs, recalls, classes, 1, 1], -1 where a class does not occur
    return float(precision[precision > -1].mean()) if (precision > -1).any() else 0.0


def annotations(rows: Tensor, there: Tensor) -> list[dict[str, object]]:
    """COCO's records of rows [N, M, 5 or 6]; ids count from 1, for 0 reads as "no match" there."""
    found: list[dict[str, object]] = []
    for image, row in zip(there.nonzero()[:, 0].tolist(), rows[there].tolist(), strict=True):
        label, left, top, right, bottom, *sure = row
        box = [left, top, right - left, bottom - top]
        found.append(
            {"id": len(found) + 1, "image_id": image, "category_id": int(label), "bbox": box, "area": box[2] * box[3],
             "iscrowd": 0, "score": sure[0] if sure else 1.0}
        )  # fmt: skip
    return found


def coco(found: list[dict[str, object]], count: int) -> COCO:
    index = COCO()
    index.dataset = {
        "images": [{"id": image} for image in range(count)],
        "categories": [{"id": label, "name": name} for label, name in enumerate(CLASSES)],
        "annotations": found,
    }
    index.createIndex()
    return index
