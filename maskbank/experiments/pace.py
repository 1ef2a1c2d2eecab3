"""How fast this machine takes examples through a dense model."""

import time
from collections.abc import Callable
from typing import Any

import torch

from maskbank.cells.machine import resolve_precision
from maskbank.experiments.jobs import Generated
from maskbank.experiments.sparse_spec import IMAGES
from maskbank.models.checkpoint import Architecture
from maskbank.seeds import torch_generator
from maskbank.training.loop import cross_entropy, train


def measure_pace(
    workload: str, backbone: str, options: dict[str, Any], image: tuple[int, int] | None, classes: int, precision: str
) -> tuple[float, float]:
    """Core-seconds for one example trained on and for one evaluated: two steps and two batches, after one of each."""
    torch.set_num_threads(1)
    if workload != IMAGES or image is None:
        job = Generated(workload, options)
        model, loss_of = job.build(), job.loss_of
        x, y = next(iter(job.batches(16, 1, torch_generator(0, "pace"))))
    else:
        channels, size = image
        model, loss_of = Architecture(backbone, classes, channels, size, options).build(), cross_entropy
        x = torch.randn(64, channels, size, size).contiguous(memory_format=torch.channels_last)
        y = torch.zeros(64, dtype=torch.int64)
    optimizer, precision = torch.optim.Adam(model.parameters()), resolve_precision(precision)

    def seconds(action: Callable[[], object]) -> float:
        action()
        started = time.process_time()
        action()
        action()
        return (time.process_time() - started) / (2 * len(x))

    trained = seconds(lambda: train(model, [(x, y)], optimizer, loss_of=loss_of, precision=precision))
    model.eval()
    with torch.no_grad():
        return trained, seconds(lambda: model(x))
