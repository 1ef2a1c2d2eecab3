"""Weight quantization: symmetric, one scale an output channel, rounded to nearest; `budget` is the width in bits."""

import torch
from torch import Tensor, nn

from maskbank.measures.cost import tensor_bytes
from maskbank.pruning.compressed import Compressed
from maskbank.pruning.weights import prunable_weights

BUDGET_KIND = "bits"
ROLE = "rival"


def quantize(weight: Tensor, bits: int) -> Tensor:
    """The nearest values that `bits` can hold: integers in -(2^(b-1)-1)..2^(b-1)-1 times max|w| a channel over the last."""
    top = 2 ** (bits - 1) - 1
    scale = weight.flatten(1).abs().amax(1).clamp_min(1e-12) / top
    shape = (-1, *[1] * (weight.ndim - 1))
    return (weight / scale.view(shape)).round().clamp(-top, top) * scale.view(shape)


@torch.no_grad()
def compress(model: nn.Module, budget: float) -> Compressed:
    """Weights of convolutions and linear layers but stem and classifier; activations stay as they are."""
    bits = int(budget)
    weights = prunable_weights(model)
    for weight in weights.values():
        weight.copy_(quantize(weight, bits))
    total = tensor_bytes(model)
    for weight in weights.values():
        saved = weight.numel() * weight.element_size() - (weight.numel() * bits + 7) // 8 - 4 * len(weight)
        total -= saved
    return Compressed(float(bits), total)
