"""How near a bank task is to a target: LEEP on physically sliced entries."""

import torch
from torch import Tensor, nn

from maskbank.bank.entry import Entry
from maskbank.models.heads import replace_head
from maskbank.models.surgery import slice_units
from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample
from maskbank.training.batchnorm import batch_statistics


def leep(probability: Tensor, y: Tensor, ways: int) -> float:
    """LEEP (Nguyen et al. 2020, eq. 2): mean log of the expected empirical predictor.

    `probability` [N, C_s] of the source classes, `y` [N] target labels in 0..ways-1. At most 0; values are
    compared within one C_s only.
    """
    probability = probability.double()
    onehot = torch.nn.functional.one_hot(y, ways).double()
    joint = onehot.T @ probability / len(y)  # [C_t, C_s]
    conditional = joint / joint.sum(0).clamp_min(1e-12)
    expected = (probability @ conditional.T)[torch.arange(len(y)), y]
    return float(expected.clamp_min(1e-12).log().mean())


def entry_model(model: nn.Module, layers: list[Layer], entry: Entry) -> nn.Module:
    """The bank task's sub-network: sliced to its mask, with its own head."""
    sliced = slice_units(model, layers, {name: mask.nonzero().flatten() for name, mask in entry.mask.items()})
    head = nn.Linear(entry.head_weight.shape[1], len(entry.classes))
    with torch.no_grad():
        head.weight.copy_(entry.head_weight)
        head.bias.copy_(entry.head_bias)
    replace_head(sliced, head)
    return sliced


@torch.no_grad()
def entry_leep(sliced: nn.Module, sample: Sample) -> float:
    """LEEP of a sub-network, with BatchNorm on the sample's own statistics (as the mask was learned)."""
    with batch_statistics(sliced):
        logits = torch.cat([sliced(x) for x, _ in sample.chunks(128)])
    return leep(logits.float().softmax(1), sample.y, int(sample.y.max()) + 1)
