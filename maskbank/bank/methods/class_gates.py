"""Class gates, composed: each class of the target takes the units of the stored classes most like it.

Our reading: a stored class's gates are the mean of the masks of the entries that know it; the gates of the `nearest` stored
classes, by prototype cosine, are summed over the classes of the target.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from maskbank.bank.scoremask import break_ties
from maskbank.bank.store import MaskBank
from maskbank.bank.target import Target
from maskbank.models.units import Layer
from maskbank.pruning.sample import Scores

ROLE = "control"
SEARCH = {"nearest": [1, 2, 3, 4]}


def score(model: nn.Module, layers: list[Layer], target: Target, bank: MaskBank, *, nearest: int = 2) -> Scores:
    owners, prototypes = stored_classes(bank, bank.free(target.dataset, target.classes))
    known = torch.stack(list(prototypes.values()))
    centre = known.mean(0)
    cosine = F.cosine_similarity((target.prototypes - centre)[:, None], (known - centre)[None], dim=2)  # [ways, known]
    chosen = cosine.argsort(dim=1, descending=True, stable=True)[:, :nearest].flatten().tolist()
    entries = [np.array(list(owners.values())[place]) for place in chosen]
    votes = np.sum([bank.masks(own).mean(0) for own in entries], axis=0)
    soft = np.sum([bank.scores(own).mean(0) for own in entries], axis=0)
    return break_ties(model, layers, bank.split(votes), bank.split(soft))


def stored_classes(
    bank: MaskBank, indices: np.ndarray
) -> tuple[dict[tuple[str, int], list[int]], dict[tuple[str, int], Tensor]]:
    """(data set, class) -> the entries that know it, and its prototype as the first of them has it."""
    owners: dict[tuple[str, int], list[int]] = {}
    prototypes: dict[tuple[str, int], Tensor] = {}
    for index in indices.tolist():
        entry = bank.entry(index)
        for place, label in enumerate(entry.classes):
            owners.setdefault((entry.dataset, label), []).append(index)
            prototypes.setdefault((entry.dataset, label), entry.prototypes[place])
    return owners, prototypes
