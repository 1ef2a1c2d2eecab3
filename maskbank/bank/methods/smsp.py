"""SMSP (Zhao & Long, arXiv 2307.04365): the sum of the masks of the nearest class-disjoint bank tasks.

The paper's full text was not at hand: LEEP as the similarity, the sum and the tie-breaks are our reading.
"""

from torch import nn

from maskbank.bank.entry import Bank
from maskbank.bank.scoremask import sum_masks
from maskbank.bank.similarity import entry_leep, entry_model
from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample, Scores

ROLE = "method"


def score(
    model: nn.Module, layers: list[Layer], sample: Sample, bank: Bank, classes: tuple[int, ...], *, neighbours: int = 5
) -> Scores:
    free = bank.disjoint(classes)
    similarity = [entry_leep(entry_model(model, layers, entry), sample) for entry in free]
    nearest = sorted(range(len(free)), key=lambda index: -similarity[index])[:neighbours]
    return sum_masks(model, layers, [free[index] for index in nearest])
