"""Measured latency: warm-up, repeats interleaved with the dense model, median with a distribution-free interval."""

import time
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import binom
from torch import nn


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
