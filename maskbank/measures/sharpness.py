"""Flatness of a minimum: the Hessian's largest eigenvalue and trace, and adaptive worst-case sharpness.

All are of the mean cross-entropy over the images, in eval mode (BatchNorm by its running statistics, no dropout), over
every trainable parameter, biases and the gains of norms included, as one vector [P] in the order of
`model.named_parameters()`. The model is left as it was: derivatives are taken by copies of its parameters.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from maskbank.errors import InputError
from maskbank.models.layout import ROWS, laid

Values = dict[str, Tensor]  # parameter name -> tensor of its shape
Part = tuple[Tensor, Tensor]  # images [m, C, H, W] and labels [m]
Product = Callable[[Tensor], Tensor]  # [K, P] directions -> [K, P] products
Slopes = tuple[Tensor, ...]  # the gradient by each parameter, with its graph
CHUNK = 64  # images whose graph is built at once
KEPT_BYTES = 1 << 29  # of graphs, at most, that are kept for the next product


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in eval mode; afterwards every module is in its own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def parameters(model: nn.Module) -> Values:
    """Trainable parameters, detached; in rows, as torch 2.14.1's channels-last backward is unsafe on some CPUs."""
    return {name: laid(value.detach(), ROWS) for name, value in model.named_parameters() if value.requires_grad}


def flat(values: Sequence[Tensor]) -> Tensor:
    return torch.cat([value.reshape(-1) for value in values])


def shaped(vector: Tensor, like: Values) -> Values:
    """[P] -> a view of it for each parameter."""
    parts = vector.split([value.numel() for value in like.values()])
    return {name: part.view(value.shape) for part, (name, value) in zip(parts, like.items(), strict=True)}


def chunks(part: Part) -> Iterator[Part]:
    return zip(*(each.split(CHUNK) for each in part), strict=True)


def loss_share(model: nn.Module, values: Values, part: Part, images: int) -> Tensor:
    """What a part adds to the mean cross-entropy over `images`, at `values` in place of the model's parameters."""
    x, y = part
    return F.cross_entropy(functional_call(model, values, (x.contiguous(),)), y, reduction="sum") / images


@torch.no_grad()
def mean_loss(model: nn.Module, values: Values, part: Part) -> float:
    with evaluating(model):
        return sum(float(loss_share(model, values, each, len(part[1]))) for each in chunks(part))


def loss_and_slope(model: nn.Module, values: Values, part: Part) -> tuple[float, Tensor]:
    """The mean loss and its gradient [P]."""
    held = {name: value.detach().requires_grad_() for name, value in values.items()}
    loss, total = 0.0, torch.zeros_like(flat(list(values.values())))
    with evaluating(model), torch.enable_grad():
        for each in chunks(part):
            share = loss_share(model, held, each, len(part[1]))
            total += flat(torch.autograd.grad(share, list(held.values()), materialize_grads=True))
            loss += float(share.detach())
    return loss, total


def slopes(model: nn.Module, held: Values, part: Part, images: int) -> Slopes:
    """The gradient of a loss share with its graph."""
    with torch.enable_grad():
        share = loss_share(model, held, part, images)
        return torch.autograd.grad(share, list(held.values()), create_graph=True, materialize_grads=True)


def turned(found: Slopes, held: Values, direction: Tensor) -> Tensor:
    """The derivative [P] of the slopes along a direction [P]: the gradient of their dot product."""
    pairs = zip(found, shaped(direction, held).values(), strict=True)
    bent = [(slope, along) for slope, along in pairs if slope.requires_grad]  # the others are constant
    return flat(
        torch.autograd.grad(
            [slope for slope, _ in bent], list(held.values()), [along for _, along in bent], retain_graph=True,
            materialize_grads=True,
        )
    )  # fmt: skip


def graph_bytes(model: nn.Module, held: Values, part: Part) -> int:
    """What the graph of the slopes over a part keeps in memory."""
    sizes: dict[int, int] = {}

    def note(saved: Tensor) -> Tensor:
        sizes[saved.untyped_storage().data_ptr()] = saved.untyped_storage().nbytes()
        return saved.detach()

    with torch.autograd.graph.saved_tensors_hooks(note, lambda saved: saved):
        slopes(model, held, part, len(part[1]))
    return sum(sizes.values())


@contextlib.contextmanager
def hessian_product(model: nn.Module, x: Tensor, y: Tensor, kept_bytes: int = KEPT_BYTES) -> Iterator[Product]:
    """Products with the Hessian [P, P] over `x` [N, C, H, W] and `y` [N], by double backward in chunks of images.

    Attention is computed in its plain form, as the fused one has no second derivative. Graphs are kept for the next
    product where those of all images fit into `kept_bytes`; else each call builds them again, at half as much time again.
    """
    held = {name: value.requires_grad_() for name, value in parameters(model).items()}
    parts = list(chunks((x, y)))

    def graphs() -> Iterator[Slopes]:
        return (slopes(model, held, part, len(y)) for part in parts)

    def product(directions: Tensor) -> Tensor:
        total = torch.zeros_like(directions)
        for found in kept or graphs():
            for index, direction in enumerate(directions):
                total[index] += turned(found, held, direction)
        return total

    with evaluating(model), sdpa_kernel(SDPBackend.MATH):
        fits = len(parts) * graph_bytes(model, held, parts[0]) <= kept_bytes
        kept = list(graphs()) if fits else []
        yield product


@dataclass(frozen=True)
class Krylov:
    """A symmetric matrix within the space of its powers times a vector: `basis` [k, P] is orthonormal.

    There the matrix is tridiagonal, with `diagonal` [k] and `off_diagonal` [k], whose last number leads out of the space.
    """

    basis: Tensor
    diagonal: NDArray[np.float64]
    off_diagonal: NDArray[np.float64]

    @cached_property
    def top(self) -> tuple[float, float]:
        """Its largest eigenvalue, never above the matrix's own, and a residual: the matrix has one within it of that."""
        values, vectors = eigh_tridiagonal(self.diagonal, self.off_diagonal[:-1])
        return float(values[-1]), float(self.off_diagonal[-1] * abs(vectors[-1, -1]))

    @property
    def trace(self) -> float:
        return float(self.diagonal.sum())

    def without(self, vectors: Tensor) -> Tensor:
        """The part of each row [K, P] that is orthogonal to the space."""
        return vectors - (vectors @ self.basis.T) @ self.basis


def lanczos(product: Product, start: Tensor, steps: int, tolerance: float) -> Krylov:
    """The method of Lanczos (1950) from `start` [P], every vector made orthogonal to all before it.

    It ends after `steps` products, or where the residual of the largest eigenvalue (not the largest in size) is at most
    `tolerance` of it. From a random start that is the matrix's largest but by bad luck.
    """
    basis = torch.zeros(min(steps, len(start)), len(start), dtype=start.dtype)
    diagonal, off_diagonal, image = list[float](), list[float](), start
    for step in range(len(basis)):
        basis[step] = image / image.norm()
        image = product(basis[step : step + 1])[0]
        diagonal.append(float(image @ basis[step]))
        for _ in range(2):  # the second time takes away what rounding has left
            image = image - (basis[: step + 1] @ image) @ basis[: step + 1]
        off_diagonal.append(float(image.norm()))
        space = Krylov(basis[: step + 1], np.array(diagonal), np.array(off_diagonal))
        value, residual = space.top
        if residual <= tolerance * abs(value):
            break
    return space


def hutchinson(product: Product, space: Krylov, signs: Tensor) -> tuple[float, float]:
    """A matrix's trace and its standard error (NaN for one draw), from `signs` [K, P], vectors of random signs.

    The mean of v A v (Hutchinson 1990), taken where a known space has been left out: the trace inside is added exactly.
    That is without bias, as the space does not depend on the signs, and takes away the variance that the largest
    eigenvalues make, as in Hutch++ (Meyer et al. 2021), whose space is another.
    """
    outside = space.without(signs)
    found = (outside * product(outside)).double().sum(1)
    error = float(found.std() / len(found) ** 0.5) if len(found) > 1 else float("nan")
    return space.trace + float(found.mean()), error


@dataclass(frozen=True)
class Curvature:
    """Of the Hessian: its largest eigenvalue with a residual (see `Krylov.top`), its trace with a standard error."""

    top: float
    top_residual: float
    trace: float
    trace_error: float
    products: int


def curvature(
    model: nn.Module, x: Tensor, y: Tensor, *, eigen_steps: int, trace_samples: int, generator: torch.Generator,
    tolerance: float = 1e-3,
) -> Curvature:  # fmt: skip
    """Curvature of the mean loss over `x` [N, C, H, W] and `y` [N]; its cost is `eigen_steps` + `trace_samples` products.

    Fewer where Lanczos comes within `tolerance` before. The standard error is of the random signs, not of the images.
    """
    weights = flat(list(parameters(model).values()))
    start = torch.randn(len(weights), generator=generator).to(weights)
    signs = torch.randint(0, 2, (trace_samples, len(weights)), generator=generator).to(weights) * 2 - 1
    with hessian_product(model, x, y) as product:
        space = lanczos(product, start, eigen_steps, tolerance)
        trace, error = hutchinson(product, space, signs)
    return Curvature(*space.top, trace, error, len(space.basis) + trace_samples)


def adaptive_sharpness(
    model: nn.Module, x: Tensor, y: Tensor, *, rho: Sequence[float], group: int, steps: int
) -> dict[float, float]:
    """{rho: mean over groups of (the largest loss found in the ball - the loss)}: adaptive worst-case m-sharpness.

        The ball is ||d / |w| ||_2 <= rho for a change d of all trainable parameters w at once, biases and the gains of norms
        included; a parameter at 0 stays there (Kwon et al. 2021, their equation 3 with p = 2; Andriushchenko et al. 2023,
        without their scaling of the logits). A group is m = `group` images in the order given, perturbed together; images
    past the last whole group are left out.

        Our reading is the search: with d = |w| u, each of `steps` steps goes to u = rho g / ||g||, g the gradient of the
        loss by u. The first is ASAM's own step; the rule needs no step size and never falls where the loss is convex
        (Journee et al. 2010). As a minimum often has a worst point on either side, a second climb of `steps` points sets
        out from the opposite of where the first has ended. The largest loss of all points counts, the start's too: a lower
        bound, never negative. Its cost: about 2 * `steps` gradients a radius.
        Raises InputError where there are fewer images than `group`.
    """
    if len(y) < group:
        raise InputError(
            f"sharpness.group = {group}: more than the {len(y)} images; lower it or raise sharpness.images"
        )
    weights = parameters(model)
    scale = flat([value.abs() for value in weights.values()])
    whole, rises = len(y) // group * group, {radius: list[float]() for radius in rho}
    for part in zip(x[:whole].split(group), y[:whole].split(group), strict=True):
        loss, slope = loss_and_slope(model, weights, part)
        for radius, found in rises.items():
            first, end = climb(model, weights, scale, part, scale * slope, radius, steps)
            second, _ = climb(model, weights, scale, part, -end, radius, steps)
            found.append(max(loss, first, second) - loss)
    return {radius: float(np.mean(found)) for radius, found in rises.items()}


def climb(
    model: nn.Module, weights: Values, scale: Tensor, part: Part, uphill: Tensor, rho: float, steps: int
) -> tuple[float, Tensor]:
    """The largest loss of `steps` points, the first of them along `uphill` [P], and the last point u [P]."""
    worst, shift = -np.inf, uphill
    for step in range(1, steps + 1):
        if not uphill.any():
            break
        shift = uphill * (rho / uphill.norm())
        moves = shaped(scale * shift, weights)
        there = {name: value + moves[name] for name, value in weights.items()}
        if step < steps:
            loss, slope = loss_and_slope(model, there, part)
            uphill = scale * slope
        else:
            loss = mean_loss(model, there, part)
        if not np.isfinite(loss):
            return float("inf"), shift
        worst = max(worst, loss)
    return worst, shift
