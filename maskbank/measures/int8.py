"""Models run in 8-bit integers for real: torchao's linear layers on the processor, without compilation."""

import copy
import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from torch import nn

from maskbank.errors import InputError
from maskbank.measures.torchao import require_torchao


@contextmanager
def quiet_import() -> Iterator[None]:
    """Keep back the one warning of torch about how torchao registers an enumeration; it says nothing of our numbers."""
    logger = logging.getLogger("torch.utils._pytree")

    def other(record: logging.LogRecord) -> bool:
        return "is an Enum subclass" not in record.getMessage()

    logger.addFilter(other)
    try:
        yield
    finally:
        logger.removeFilter(other)


def int8_model(model: nn.Module, layers: Collection[str]) -> nn.Module:
    """A copy in eval mode whose linear layers among `layers` (names) multiply int8 by int8 into int32; the rest is float.

    Weights int8 with a step an output channel, inputs int8 with a step a token found as the model runs, both symmetric over
    -128..127 (torchao's Int8DynamicActivationInt8WeightConfig). torchao runs linear layers: convolutions stay float.
    Its `reduce_range`, for kernels that overflow on processors without VNNI, stays off: torch's eager kernel for the
    CPU sums in int32 there too (a test holds it to that), and results then do not depend on the processor.

    Raises InputError where torchao is not installed or none of the layers is linear.
    """
    chosen = {name for name in layers if isinstance(model.get_submodule(name), nn.Linear)}
    if not chosen:
        raise InputError(
            f"int8: {type(model).__name__} has no linear layer but stem and classifier, and torchao runs no convolutions "
            "in int8; choose a backbone with linear layers, such as vit"
        )
    require_torchao()
    with quiet_import():
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    executed = copy.deepcopy(model).eval()
    config = Int8DynamicActivationInt8WeightConfig(set_inductor_config=False)
    quantize_(executed, config, filter_fn=lambda module, name: name in chosen)
    return executed
