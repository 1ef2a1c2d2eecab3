"""Latency summaries and calibration on numbers that can be checked by hand."""

import numpy as np
import pytest
import torch

from maskbank.measures.calibration import expected_calibration_error
from maskbank.measures.latency import measure_latency, summarize


def test_median_and_its_order_statistics() -> None:
    """For 30 repeats the 95 % interval of the median is from the 10th to the 21st of them."""
    latency = summarize([second / 1000 for second in range(1, 31)])
    assert (latency.median, latency.low, latency.high) == (15.5, 10.0, 21.0)


def test_each_model_gets_its_own_latency() -> None:
    small, large = torch.nn.Linear(8, 8), torch.nn.Sequential(*(torch.nn.Linear(400, 400) for _ in range(20)))
    pad = torch.nn.ZeroPad1d((0, 392))
    fast, slow = measure_latency([small, torch.nn.Sequential(pad, large)], torch.zeros(1, 8), repeats=9)
    assert 0 < fast.median < slow.median


def test_calibration_error() -> None:
    """Two bins: confidence .75 with accuracy 1/2 (2 examples), .25 with accuracy 1 (1): (2 * .25 + 1 * .75) / 3."""
    error = expected_calibration_error(np.array([True, False, True]), np.array([0.75, 0.75, 0.25]), bins=2)
    assert error == pytest.approx((2 * 0.25 + 0.75) / 3)
