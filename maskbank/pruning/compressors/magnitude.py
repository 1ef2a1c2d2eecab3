"""Global magnitude: keep the fraction `budget` of all prunable weights by |w| (Han et al. 2015), stem and head dense."""

from torch import nn

from maskbank.pruning.compressed import Compressed
from maskbank.pruning.weights import apply_masks, densities, magnitude_masks, packed_bytes, prunable_weights

BUDGET_KIND = "weights"
ROLE = "rival"


def compress(model: nn.Module, budget: float) -> Compressed:
    weights = prunable_weights(model)
    masks = magnitude_masks(dict(weights), budget, "global")
    apply_masks(weights, masks)
    kept = sum(int(mask.sum()) for mask in masks.values()) / sum(mask.numel() for mask in masks.values())
    return Compressed(kept, packed_bytes(model, masks), densities(masks))
