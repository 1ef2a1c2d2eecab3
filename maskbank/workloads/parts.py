"""SYNTHETIC clouds of points on composed solids; a small PointNet that names each point's part, judged by mean IoU."""

import functools

import numpy as np
import torch
from sklearn.metrics import jaccard_score
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.errors import InputError
from maskbank.seeds import numpy_generator
from maskbank.training.workload import Pairs, Workload
from maskbank.workloads.generators.sizes import check_sizes
from maskbank.workloads.generators.solids import PARTS, clouds
from maskbank.workloads.models.pointnet import PointNet

DATASET = "synthetic-solids"
MODEL = "pointnet"
METRIC = "miou"
BATCH = 100


def workload(
    *,
    seed: int = 0,
    train: int = 2000,
    validation: int = 300,
    test: int = 500,
    points: int = 128,
    noise: float = 0.02,
    width: int = 32,
) -> Workload:
    """`train`, `validation`, `test`: clouds; `points`: of each; `noise`: deviation, where an object is about 2 long.

    x [N, 3, points, 1] float32, y [N, points] int64. The parts are drawn by generators of their own. Raises InputError
    for sizes that are too small.
    """
    check_sizes("parts", least=0, seed=seed)
    check_sizes("parts", train=train, validation=validation, test=test, points=points, width=width)
    if not 0 <= noise < 1:
        raise InputError(
            f"sparsify.workloads.parts.noise = {noise!r}: expected a number from 0 to below 1, such as 0.02"
        )

    def part(number: int, count: int) -> Pairs:
        x, y = clouds(numpy_generator(seed, "parts", number), count, points, noise)
        return torch.from_numpy(x), torch.from_numpy(y)

    build = functools.partial(PointNet, len(PARTS), width)
    return Workload(METRIC, build, loss, score, part(0, train), part(1, validation), part(2, test))


def loss(outputs: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy, mean over points: outputs [B, parts, N], y [B, N]."""
    return F.cross_entropy(outputs.float(), y)


@torch.no_grad()
def score(model: nn.Module, pairs: Pairs) -> float:
    """Mean IoU of the model's parts on these clouds."""
    x, y = pairs
    device = next(model.parameters()).device
    return mean_iou(torch.cat([model(cloud.to(device)).argmax(1).cpu() for cloud in x.split(BATCH)]), y)


def mean_iou(named: Tensor, y: Tensor) -> float:
    """Mean over the parts that y holds of intersection over union of their points, all clouds together (scikit-learn).

    Each part belongs to one kind of object, and any part of any kind may be named: the kind is not told.
    """
    truth = y.flatten().numpy()
    return float(jaccard_score(truth, named.flatten().numpy(), labels=np.unique(truth), average="macro"))
