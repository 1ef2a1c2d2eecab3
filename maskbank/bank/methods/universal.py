"""Universal: the sum of all class-disjoint masks of the bank. The control that says what similarity adds."""

from torch import nn

from maskbank.bank.entry import Bank
from maskbank.bank.scoremask import sum_masks
from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample, Scores

ROLE = "control"


def score(model: nn.Module, layers: list[Layer], sample: Sample, bank: Bank, classes: tuple[int, ...]) -> Scores:
    return sum_masks(model, layers, bank.disjoint(classes))
