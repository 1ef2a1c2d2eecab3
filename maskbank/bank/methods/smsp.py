"""SMSP (Zhao & Long, arXiv 2307.04365): a score mask of the masks of the nearest class-disjoint bank tasks.

The paper's full text was not at hand: LEEP as the similarity, votes and the tie-breaks are our reading.
"""

from typing import Literal

from torch import nn

from maskbank.bank.neighbours import find_neighbours
from maskbank.bank.scoremask import score_mask
from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.models.units import Layer
from maskbank.pruning.sample import Scores

ROLE = "method"
SEARCH = {"neighbours": [1, 3, 5, 8], "aggregate": ["votes", "sum"]}


def score(
    model: nn.Module,
    layers: list[Layer],
    target: Target,
    bank: MaskBank,
    *,
    neighbours: int = 5,
    similarity: Literal["label_free", "leep", "prototypes", "random"] = "leep",
    order: Literal["nearest", "farthest"] = "nearest",
    aggregate: Literal["votes", "sum", "weighted", "normalised"] = "votes",
    temperature: float = 0.1,
    shortlist: int = 64,
    rough: int = 3,
    size: int = 0,
    same_ways: bool = False,
) -> Scores:
    """How neighbours are found: see `find_neighbours`; how their masks become scores: see `score_mask`."""
    chosen = find_neighbours(
        model, layers, target, bank,
        count=neighbours, similarity=similarity, order=order, shortlist=shortlist, rough=rough, size=size,
        same_ways=same_ways,
    )  # fmt: skip
    return score_mask(model, layers, bank, chosen, aggregate, temperature)
