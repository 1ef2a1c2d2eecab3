"""The head at T = 0: class prototypes, so that a net can be judged before any step."""

import torch
from torch import nn

from maskbank.data.batches import evaluation_batches
from maskbank.data.dataset import DataSet, Examples
from maskbank.models.heads import features


@torch.no_grad()
def prototype_head(model: nn.Module, data: DataSet, examples: Examples, ways: int, scale: float = 10.0) -> nn.Linear:
    """A linear head that scores each class by the nearness of its mean feature.

    Logit of class c is `scale * (mu_c . x - |mu_c|^2 / 2) / mean|mu|^2`: nearest class mean (Snell et al. 2017), with
    a scale that makes the logits alike for nets of any feature size (our choice).
    """
    model.eval()
    outputs = torch.cat([features(model, x) for x, _ in evaluation_batches(data, examples)]).float()
    means = torch.stack([outputs[examples.y == label].mean(0) for label in range(ways)])
    size = means.pow(2).sum(1).mean().clamp_min(1e-12)
    head = nn.Linear(outputs.shape[1], ways)
    head.weight.copy_(scale * means / size)
    head.bias.copy_(-scale * means.pow(2).sum(1) / (2 * size))
    return head
