"""Loss landscapes along filter-normalised random directions (Li et al. 2018)."""

import torch
from torch import Tensor, nn

from maskbank.measures.sharpness import Values, mean_loss, parameters


def axis(points: int, span: float) -> list[float]:
    """An odd number of places from -span to span, equally spaced; the one in the middle is exactly 0."""
    half = points // 2
    return [span * (place - half) / max(half, 1) for place in range(points)]


def filter_direction(model: nn.Module, generator: torch.Generator) -> Values:
    """A Gaussian direction, each of its filters with the norm of the weight's own filter.

    A filter is what makes one output: a slice along the first dimension of a convolution's or linear layer's weight
    (and of any other parameter of two dimensions or more, such as position embeddings: our reading). Parameters of one
    dimension, biases and those of norms, do not move. A filter of zeros stays.
    """
    return {name: filter_normalised(value, generator) for name, value in parameters(model).items()}


def filter_normalised(weight: Tensor, generator: torch.Generator) -> Tensor:
    if weight.dim() < 2:
        return torch.zeros_like(weight)
    drawn = torch.randn(weight.shape, generator=generator).to(weight)
    filters, noise = weight.flatten(1), drawn.flatten(1)
    return (noise * (filters.norm(dim=1) / noise.norm(dim=1))[:, None]).view(weight.shape)


def moved(model: nn.Module, *steps: tuple[float, Values]) -> Values:
    """The model's parameters plus each direction times its distance."""
    values = parameters(model)
    return {
        name: value + sum(distance * direction[name] for distance, direction in steps) for name, value in values.items()
    }


def loss_line(
    model: nn.Module, x: Tensor, y: Tensor, *, points: int, span: float, generator: torch.Generator
) -> dict[float, float]:
    """{a: mean loss at w + a d}, over `x` [N, C, H, W] and `y` [N] in eval mode, for `points` values of a in -span..span."""
    direction = filter_direction(model, generator)
    return {a: mean_loss(model, moved(model, (a, direction)), (x, y)) for a in axis(points, span)}


def loss_grid(
    model: nn.Module, x: Tensor, y: Tensor, *, points: int, span: float, generator: torch.Generator
) -> dict[tuple[float, float], float]:
    """{(a, b): mean loss at w + a d + b e}, for `points` x `points` values; d is that of `loss_line` by the same seed."""
    first, second = (filter_direction(model, generator) for _ in range(2))
    return {
        (a, b): mean_loss(model, moved(model, (a, first), (b, second)), (x, y))
        for a in axis(points, span)
        for b in axis(points, span)
    }
