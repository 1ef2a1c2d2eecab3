"""Measured latency: warm-up, repeats interleaved with the dense model, median with a distribution-free interval."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binom
from torch import nn

from maskbank.models.surgery import shrink
from maskbank.models.units import Layer


@dataclass(frozen=True)
class Latency:
    """Milliseconds: median and its 95 % interval from order statistics."""

    median: float
    low: float
    high: float


def summarize(seconds: list[float]) -> Latency:
    """Median of n repeats; the interval's bounds are the order statistics that the binomial(n, 1/2) gives."""
    ordered = np.sort(seconds) * 1e3
    rank = int(binom.ppf(0.025, len(ordered), 0.5))
    return Latency(
        float(np.median(ordered)),
        float(ordered[max(rank - 1, 0)]),
        float(ordered[min(len(ordered) - rank, len(ordered) - 1)]),
    )


def latency_size(
    model: nn.Module, layers: list[Layer], x: torch.Tensor, repeats: int = 15
) -> Callable[[NDArray], NDArray]:
    """Median milliseconds as a function of units kept, counts [K, layers] -> [K]; which units is of no matter."""

    def size(counts: NDArray) -> NDArray:
        rows = [{layer.name: round(count) for layer, count in zip(layers, row, strict=True)} for row in counts]
        return np.array([measure_latency([shrink(model, layers, row)], x, repeats)[0].median for row in rows])

    return size


@torch.inference_mode()
def measure_latency(models: list[nn.Module], x: torch.Tensor, repeats: int, warmup: int = 5) -> list[Latency]:
    """Latency of each model on the batch `x`, in this thread; the models take turns, so that drift hits all alike."""
    seconds: list[list[float]] = [[] for _ in models]
    for repeat in range(warmup + repeats):
        for index, model in enumerate(models):
            started = time.perf_counter()
            model(x)
            if repeat >= warmup:
                seconds[index].append(time.perf_counter() - started)
    return [summarize(times) for times in seconds]
