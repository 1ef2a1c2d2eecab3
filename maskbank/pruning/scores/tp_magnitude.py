"""Torch-pruning's group magnitude, as shipped: squared weights that make, carry and read a unit, over their mean."""

from torch import nn

from maskbank.models.units import Layer
from maskbank.pruning.sample import Sample, Scores
from maskbank.pruning.torch_pruning import importance_scores

ROLE = "rival"


def score(
    model: nn.Module,
    layers: list[Layer],
    sample: Sample,
    *,
    p: int = 2,
    group_reduction: str = "mean",
    normalizer: str | None = "mean",
) -> Scores:
    """The options are torch-pruning's own, with its defaults; `group_reduction: first` looks at one maker alone."""
    return importance_scores(
        model,
        layers,
        sample,
        lambda tp: tp.importance.GroupMagnitudeImportance(p=p, group_reduction=group_reduction, normalizer=normalizer),
    )
