"""Evaluation: predictions on a whole set of examples, in float32, never averaged by batch."""

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from maskbank.cells.result import AnswerSheet, Point
from maskbank.data.batches import evaluation_batches
from maskbank.data.dataset import DataSet, Examples


@torch.no_grad()
def evaluate(model: nn.Module, data: DataSet, examples: Examples) -> tuple[AnswerSheet, float]:
    """The answer sheet of the model in eval mode, and its mean cross-entropy (NaN where it is not finite)."""
    model.eval()
    device = next(iter(model.parameters()), examples.y).device
    logits = torch.cat([model(x.to(device)).float().cpu() for x, _ in evaluation_batches(data, examples)])
    top = logits.softmax(1).max(1)
    probability = torch.nan_to_num(top.values, nan=0.0).mul(255).round().byte().numpy()
    small = np.dtype(np.uint8 if logits.shape[1] <= 256 else np.uint16)
    sheet = AnswerSheet(
        ids=examples.ids.numpy().astype(np.uint32),
        labels=examples.y.numpy().astype(small),
        predicted=top.indices.numpy().astype(small),
        probability=probability,
    )
    loss = float(F.cross_entropy(logits, examples.y))
    return sheet, loss if np.isfinite(loss) else float("nan")


def judged_point(steps: int, sheet: AnswerSheet, values: dict[str, Any]) -> Point:
    """An evaluation point; a model that gives one answer for every example has collapsed."""
    collapsed = len(np.unique(sheet.predicted)) == 1
    reason = "the same class is answered for every example" if collapsed else ""
    return Point(steps, "collapsed" if collapsed else "ok", reason, {**values, "accuracy": sheet.accuracy}, sheet)
