"""The head at T = 0: class prototypes, so that a model can be judged before any step."""

import torch
from torch import Tensor, nn

from maskbank.data.batches import evaluation_batches
from maskbank.data.dataset import Classes, DataSet, Examples
from maskbank.models.heads import features


@torch.no_grad()
def class_means(model: nn.Module, data: DataSet, examples: Examples, ways: int) -> Tensor:
    """[ways, D] mean features of each class, of the model in eval mode."""
    model.eval()
    outputs = torch.cat([features(model, x) for x, _ in evaluation_batches(data, examples)]).float()
    return torch.stack([outputs[examples.y == label].mean(0) for label in range(ways)])


def class_prototypes(model: nn.Module, data: DataSet, classes: Classes, images: int) -> Tensor:
    """[ways, D] of the first training images of each class, one class at a time: the same in every task, bit for bit."""
    return torch.cat([class_means(model, data, data.examples("train", (label,), images), 1) for label in classes])


@torch.no_grad()
def prototype_head(means: Tensor, scale: float = 10.0) -> nn.Linear:
    """A linear head that scores each class by the nearness of its mean feature.

    Logit of class c is `scale * (mu_c . x - |mu_c|^2 / 2) / mean|mu|^2`: nearest class mean (Snell et al. 2017), with
    a scale that makes the logits alike for models of any feature size (our choice).
    """
    size = means.pow(2).sum(1).mean().clamp_min(1e-12)
    head = nn.Linear(means.shape[1], len(means))
    head.weight.copy_(scale * means / size)
    head.bias.copy_(-scale * means.pow(2).sum(1) / (2 * size))
    return head
