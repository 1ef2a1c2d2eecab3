"""What a machine decides."""

import pytest
import torch

from maskbank.cells.machine import check_device
from maskbank.errors import InputError


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is such a device here")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_device_that_is_not_there_is_named(device: str) -> None:
    with pytest.raises(InputError, match=f"engine.device = '{device}': torch finds no such device on this machine"):
        check_device(device)


def test_the_processor_is_always_there() -> None:
    check_device("cpu")
