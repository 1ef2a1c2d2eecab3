"""Sharpness: against dense Hessians and closed forms on tiny models in float64; nothing of the model changes."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from maskbank.errors import InputError
from maskbank.measures import sharpness
from maskbank.measures.sharpness import (
    Krylov,
    adaptive_sharpness,
    curvature,
    flat,
    hessian_product,
    hutchinson,
    lanczos,
    mean_loss,
    parameters,
    shaped,
)
from maskbank.models.checkpoint import Architecture
from tests.conftest import random_model


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(count: int, classes: int = 3, size: int = 8, seed: int = 0) -> tuple[Tensor, Tensor]:
    draw = generator(seed)
    x = torch.randn(count, 1, size, size, generator=draw, dtype=torch.float64)
    return x, torch.randint(0, classes, (count,), generator=draw)


def conv_model() -> nn.Module:
    """Convolutions with BatchNorm in eval mode, their statistics and gains as after some training."""
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, 2, 1, bias=False), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4),
        nn.Tanh(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(16, 3),
    ).double()  # fmt: skip
    for module in model:
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    model(batch(16, seed=5)[0])
    return model.eval()


def mlp() -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 4), nn.Tanh(), nn.Linear(4, 3)).double().eval()


def vit() -> nn.Module:
    return random_model(Architecture("vit", 3, 1, 8, {"dim": 4, "depth": 1, "heads": 2, "patch": 4, "mlp_ratio": 1}))


MODELS: dict[str, Callable[[], nn.Module]] = {"mlp": mlp, "conv_model": conv_model, "vit": vit}


def dense_hessian(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """[P, P], by another route: torch's own, of the loss over all images at once."""
    values = parameters(model)

    def loss(vector: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(model, shaped(vector, values), (x,)), y)

    with sdpa_kernel(SDPBackend.MATH):
        return torch.autograd.functional.hessian(loss, flat(list(values.values())))


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest) -> nn.Module:
    return MODELS[request.param]()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharpness, "CHUNK", 5)


def times(matrix: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda directions: directions @ matrix


def symmetric(size: int, seed: int = 0) -> Tensor:
    drawn = torch.randn(size, size, generator=generator(seed), dtype=torch.float64)
    return drawn + drawn.T


@pytest.mark.usefixtures("small_chunks")
def test_products_are_those_of_the_dense_hessian(model: nn.Module) -> None:
    x, y = batch(12)
    dense = dense_hessian(model, x, y)
    directions = torch.randn(3, len(dense), generator=generator(), dtype=torch.float64)
    with hessian_product(model, x, y) as product:
        first, second = product(directions), product(directions)
    with hessian_product(model, x, y, kept_bytes=0) as product:
        anew = product(directions)
    torch.testing.assert_close(first, directions @ dense, rtol=1e-9, atol=1e-11)
    assert torch.equal(first, second)
    assert torch.equal(first, anew), "graphs that are built anew give the same bytes"


@pytest.mark.usefixtures("small_chunks")
def test_graphs_are_kept_only_where_they_fit(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    built, real = [], sharpness.slopes
    monkeypatch.setattr(sharpness, "slopes", lambda *given: (built.append(given), real(*given))[1])
    x, y = batch(12)
    direction = torch.ones(1, len(flat(list(parameters(model).values()))), dtype=torch.float64)
    for kept_bytes, expected in ((1 << 29, 1 + 3), (0, 1 + 2 * 3)):  # one to see its size, then 3 chunks
        built.clear()
        with hessian_product(model, x, y, kept_bytes) as product:
            product(direction)
            product(direction)
        assert len(built) == expected


def test_curvature_is_that_of_the_dense_hessian(model: nn.Module) -> None:
    x, y = batch(12)
    dense = dense_hessian(model, x, y)
    eigenvalues = torch.linalg.eigvalsh(dense)
    found = curvature(model, x, y, eigen_steps=60, trace_samples=30, generator=generator(), tolerance=1e-8)
    assert found.top == pytest.approx(float(eigenvalues[-1]), rel=1e-9)
    assert found.products < 90, "it ends when it has converged"
    assert abs(found.trace - float(dense.trace())) < 4 * found.trace_error
    rough = curvature(model, x, y, eigen_steps=3, trace_samples=2, generator=generator())
    assert rough.products == 5
    assert rough.top <= found.top
    assert float((eigenvalues - rough.top).abs().min()) <= rough.top_residual


def test_curvature_of_softmax_regression_in_closed_form() -> None:
    """The Hessian is the mean of (diag(p) - p p') x (z z'), z the features with a 1 for the bias."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).double().eval()
    x, y = batch(10, size=2)
    p = model(x).softmax(1).detach()
    z = torch.cat([x.flatten(1), torch.ones(10, 1, dtype=torch.float64)], 1)
    closed = sum(torch.kron(p[n].diag() - p[n].outer(p[n]), z[n].outer(z[n])) for n in range(10)) / 10
    found = curvature(model, x, y, eigen_steps=15, trace_samples=3, generator=generator(), tolerance=0)
    assert found.top == pytest.approx(float(torch.linalg.eigvalsh(closed)[-1]), rel=1e-10)
    assert found.trace == pytest.approx(float(closed.trace()), rel=1e-10), "all of the space is known: exact"
    assert found.trace_error == pytest.approx(0, abs=1e-10)


def test_lanczos_finds_the_largest_eigenvalue_and_not_the_largest_in_size() -> None:
    space = lanczos(
        times(torch.diag(torch.tensor([1.0, 2.0, 3.0, 10.0, -20.0]).double())), torch.ones(5).double(), 99, 0
    )
    assert space.top[0] == pytest.approx(10, rel=1e-12)
    assert space.top[1] < 1e-10
    assert len(space.basis) == 5, "no more products than dimensions"
    torch.testing.assert_close(space.basis @ space.basis.T, torch.eye(5).double(), atol=1e-12, rtol=0)


def test_lanczos_ends_where_the_space_does() -> None:
    space = lanczos(times(3 * torch.eye(4)), torch.tensor([1.0, 2.0, 3.0, 4.0]), 4, 0)
    assert (len(space.basis), space.trace) == (1, pytest.approx(3))
    assert space.top == (pytest.approx(3), pytest.approx(0, abs=1e-6))
    assert lanczos(times(torch.zeros(4, 4)), torch.ones(4), 4, 0).top == (0, 0)


@pytest.mark.parametrize("steps", [1, 2, 5, 10, 20])
def test_residual_bounds_the_distance_to_an_eigenvalue(steps: int) -> None:
    for seed in range(10):
        matrix = symmetric(40, seed)
        start = torch.randn(40, generator=generator(seed), dtype=torch.float64)
        value, residual = lanczos(times(matrix), start, steps, 0).top
        eigenvalues = torch.linalg.eigvalsh(matrix)
        assert value <= float(eigenvalues[-1]) + 1e-10
        assert float((eigenvalues - value).abs().min()) <= residual + 1e-10


def test_random_signs_give_a_diagonal_its_exact_trace() -> None:
    matrix = torch.diag(torch.arange(6.0).double())
    nowhere = Krylov(torch.zeros(1, 6).double(), np.zeros(1), np.zeros(1))
    signs = torch.tensor([[1.0, -1, 1, 1, -1, -1], [1, 1, 1, -1, 1, -1]]).double()
    assert hutchinson(times(matrix), nowhere, signs) == (15, 0)
    mean, error = hutchinson(times(matrix), nowhere, signs[:1])
    assert mean == 15
    assert math.isnan(error), "one draw shows no spread"


@pytest.mark.parametrize("steps", [1, 6])
def test_the_trace_has_no_bias_and_its_error_is_honest(steps: int) -> None:
    matrix = symmetric(30) + 40 * torch.ones(30, 30).double()
    space = lanczos(times(matrix), torch.randn(30, generator=generator(), dtype=torch.float64), steps, 0)
    draw, found = generator(1), []
    for _ in range(400):
        signs = torch.randint(0, 2, (8, 30), generator=draw).double() * 2 - 1
        found.append(hutchinson(times(matrix), space, signs))
    means, errors = np.array(found).T
    assert abs(means.mean() - float(matrix.trace())) < 3 * means.std() / 20
    assert means.std() == pytest.approx(np.sqrt((errors**2).mean()), rel=0.15)


def test_leaving_out_a_known_space_takes_variance_away() -> None:
    """Three large eigenvalues among a hundred, as Hessians of classifiers have them."""
    turn = torch.linalg.qr(symmetric(100)).Q
    matrix = turn @ torch.diag(torch.tensor([50.0, 30.0, 20.0, *[0.1] * 97]).double()) @ turn.T
    start = torch.randn(100, generator=generator(), dtype=torch.float64)
    signs = torch.randint(0, 2, (8, 100), generator=generator()).double() * 2 - 1
    errors = [hutchinson(times(matrix), lanczos(times(matrix), start, k, 0), signs)[1] for k in (1, 4)]
    assert errors[1] < 0.01 * errors[0]


def slope_of(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return flat(torch.autograd.grad(F.cross_entropy(model(x), y), list(model.parameters())))


def single(weight: float) -> nn.Module:
    """One weight: logits (weight x, 0). The other output's weight is 0, so that nothing moves it."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 2, bias=False)).double().eval()
    model[1].weight.data = torch.tensor([[weight], [0.0]], dtype=torch.float64)
    return model


def test_adaptive_sharpness_of_one_weight_in_closed_form() -> None:
    """Right answers to x > 0: the worst weight is (1 - rho) times the weight, for each image alike."""
    x, y = torch.tensor([0.5, 2.0]).double().view(2, 1, 1, 1), torch.zeros(2, dtype=torch.int64)
    found = adaptive_sharpness(single(3.0), x, y, rho=[0.25, 1.0, 2.0], group=1, steps=1)
    for rho, value in found.items():
        rises = [math.log1p(math.exp(-3 * (1 - rho) * z)) - math.log1p(math.exp(-3 * z)) for z in (0.5, 2.0)]
        assert value == pytest.approx(sum(rises) / 2, rel=1e-12)
    assert adaptive_sharpness(single(0.0), x, y, rho=[1.0], group=2, steps=3) == {1.0: 0.0}


def test_adaptive_sharpness_finds_the_worst_of_the_ball() -> None:
    """Two weights of different size: against 4,000 points of the ball's edge."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False)).double().eval()
    model[1].weight.data = torch.tensor([[1.5, -0.3], [0.0, 0.0]], dtype=torch.float64)
    x = torch.randn(6, 2, 1, 1, generator=generator(3), dtype=torch.float64)
    y = torch.tensor([0, 1, 0, 0, 1, 1])
    turns = torch.linspace(0, 2 * math.pi, 4001, dtype=torch.float64)
    for rho in (0.1, 1.0, 3.0):
        moves = rho * torch.stack([turns.cos(), turns.sin()], 1) * model[1].weight.data[0].abs()
        rises = []
        for part in (slice(0, 3), slice(3, 6)):
            logits = x[part].flatten(1) @ (model[1].weight.data[0] + moves).T  # [3, points]
            losses = F.softplus(torch.where(y[part, None] == 0, -logits, logits)).mean(0)
            rises.append(float(losses.max() - F.cross_entropy(model(x[part]), y[part]).detach()))
        found = adaptive_sharpness(model, x, y, rho=[rho], group=3, steps=20)[rho]
        assert found == pytest.approx(sum(rises) / 2, rel=1e-5)


def test_a_small_radius_is_the_scaled_gradient(model: nn.Module) -> None:
    x, y = batch(12)
    expected = np.mean(
        [
            float((slope_of(model, x[part], y[part]) * flat(list(parameters(model).values())).abs()).norm())
            for part in (slice(0, 6), slice(6, 12))
        ]
    )
    found = adaptive_sharpness(model, x, y, rho=[1e-5], group=6, steps=1)
    assert found[1e-5] / 1e-5 == pytest.approx(expected, rel=1e-3)


def test_rescaled_layers_have_the_same_adaptive_sharpness_and_another_hessian() -> None:
    """The point of |w|: multiplying a ReLU layer by 4 and dividing the next by 4 is the same function."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 3)).double().eval()
    x, y = batch(12)

    def measured() -> tuple[float, float]:
        top = curvature(model, x, y, eigen_steps=30, trace_samples=1, generator=generator()).top
        return adaptive_sharpness(model, x, y, rho=[0.5], group=4, steps=5)[0.5], top

    before = measured()
    with torch.no_grad():
        model[1].weight *= 4
        model[1].bias *= 4
        model[3].weight /= 4
    after = measured()
    assert after[0] == pytest.approx(before[0], rel=1e-9)
    assert after[1] > 2 * before[1]


def test_larger_balls_hold_larger_losses(model: nn.Module) -> None:
    x, y = batch(12)
    found = list(adaptive_sharpness(model, x, y, rho=[0.01, 0.1, 0.3], group=6, steps=5).values())
    assert 0 < found[0] < found[1] < found[2]


def test_what_is_found_lies_within_the_ball(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, (x, y) = [], batch(12)
    for name in ("mean_loss", "loss_and_slope"):
        real = getattr(sharpness, name)

        def spied(model: nn.Module, values: sharpness.Values, part: sharpness.Part, real: Callable = real) -> object:
            seen.append(flat(list(values.values())))
            return real(model, values, part)

        monkeypatch.setattr(sharpness, name, spied)
    adaptive_sharpness(model, x, y, rho=[0.5], group=12, steps=4)
    weights = flat(list(parameters(model).values()))
    radii = [float(torch.where(weights == 0, 0, (there - weights) / weights).norm()) for there in seen]
    assert radii == [0, *[pytest.approx(0.5)] * 8], "the start, then two climbs of four points on the ball's edge"
    assert torch.equal(weights == 0, (seen[1] == 0) & (weights == 0)), "what is 0 stays 0"


@pytest.mark.usefixtures("small_chunks")
def test_groups_are_whole_and_may_be_larger_than_a_chunk() -> None:
    model, (x, y) = conv_model(), batch(20)
    by = {count: adaptive_sharpness(model, x[:count], y[:count], rho=[0.3], group=8, steps=3) for count in (16, 20)}
    assert by[16] == by[20], "the four that are left over do not count"
    halves = [
        adaptive_sharpness(model, x[part], y[part], rho=[0.3], group=8, steps=3)[0.3]
        for part in (slice(0, 8), slice(8, 16))
    ]
    assert by[16][0.3] == pytest.approx(sum(halves) / 2, rel=1e-12)
    with pytest.raises(InputError, match=r"sharpness\.group = 21: more than the 20 images"):
        adaptive_sharpness(model, x, y, rho=[0.3], group=21, steps=3)


def test_a_loss_that_overflows_is_infinite() -> None:
    model, (x, y) = mlp().float(), batch(8)
    assert adaptive_sharpness(model, x.float(), y, rho=[1e38], group=8, steps=3) == {1e38: math.inf}


def test_the_mean_loss_is_over_images_not_over_chunks(model: nn.Module, small_chunks: None) -> None:
    x, y = batch(12)
    assert mean_loss(model, parameters(model), (x, y)) == pytest.approx(
        float(F.cross_entropy(model(x), y).detach()), rel=1e-12
    )


def test_the_model_is_left_as_it_was(model: nn.Module) -> None:
    """Weights, statistics, gradients, requires_grad and modes; what is frozen is not measured."""
    x, y = batch(12)
    model.train()
    list(model.modules())[-1].eval()
    frozen, *others = model.parameters()
    frozen.requires_grad_(False)
    others[0].grad = torch.full_like(others[0], 7.0)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    assert len(set(modes)) == 2
    with hessian_product(model, x, y) as product:
        size = sum(value.numel() for value in others)
        assert product(torch.ones(1, size, dtype=torch.float64)).shape == (1, size)
    curvature(model, x, y, eigen_steps=2, trace_samples=2, generator=generator())
    adaptive_sharpness(model, x, y, rho=[0.5], group=6, steps=2)
    mean_loss(model, parameters(model), (x, y))
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert [value.requires_grad for value in model.parameters()] == [False, *[True] * len(others)]
    assert torch.equal(others[0].grad, torch.full_like(others[0], 7.0))
    assert all(value.grad is None for value in [frozen, *others[1:]])


def test_the_same_generator_gives_the_same_bytes(model: nn.Module) -> None:
    x, y = batch(12)
    given = {"eigen_steps": 4, "trace_samples": 3}
    first, second, other = (curvature(model, x, y, generator=generator(seed), **given) for seed in (0, 0, 1))
    assert first == second
    assert first.trace != other.trace


@pytest.mark.usefixtures("small_chunks")
def test_channels_last_models_in_float32() -> None:
    """As the pipeline keeps them: the same product as in float64, to float32's precision."""
    model, (x, y) = random_model(Architecture("resnet20", 4, 1, 8, {"width": 4})), batch(12, 4)
    size = sum(value.numel() for value in model.parameters())
    direction = torch.randn(1, size, generator=generator(), dtype=torch.float64)
    with hessian_product(model, x, y) as product:
        exact = product(direction)
    model, x = model.float(), x.float().contiguous(memory_format=torch.channels_last)
    assert model.stem[0].weight.is_contiguous(memory_format=torch.channels_last)
    with hessian_product(model, x, y) as product:
        found = product(direction.float()).double()
    assert float((found - exact).norm() / exact.norm()) < 1e-4
