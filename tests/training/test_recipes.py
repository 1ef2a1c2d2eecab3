"""Recipes: what each optimizer does in a step, and that every one of them trains."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from maskbank.data.batches import TrainingBatches
from maskbank.data.dataset import DataSet
from maskbank.errors import InputError
from maskbank.models.checkpoint import Architecture
from maskbank.registry import RECIPES
from maskbank.training.cram import DENSITIES, CompressionAware
from maskbank.training.loop import Curve, train, warmup_cosine
from maskbank.training.recipe import Recipe
from maskbank.training.sam import sharpness_aware

Closure = Callable[[], Tensor]


def built(recipe: Recipe, backbone: str = "resnet20", **options: int) -> nn.Module:
    torch.manual_seed(0)
    return Architecture(backbone, 4, 1, 8, options or {"width": 4}, recipe.transform).build()


def batches_of(data: DataSet, steps: int) -> TrainingBatches:
    generator = torch.Generator().manual_seed(0)
    return TrainingBatches(data, data.examples("train", (0, 1, 2, 3)), 16, steps, generator)


@pytest.mark.parametrize("name", RECIPES.names())
def test_every_recipe_trains(name: str, data: DataSet) -> None:
    recipe = RECIPES.module(name).recipe()
    model, curve = built(recipe), Curve(40, 4)
    optimizer = recipe.optimizer(model.parameters(), 0.01 if name != "sgd" else 0.002)
    assert train(model, batches_of(data, 40), optimizer, scheduler=warmup_cosine(optimizer, 40), on_loss=curve) == 40
    losses = [row[2] for row in curve.rows]
    assert [row[0] for row in curve.rows] == [10, 20, 30, 40]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("name", [name for name in RECIPES.names() if name != "reparam"])
def test_every_recipe_but_reparam_trains_a_vit(name: str, data: DataSet) -> None:
    recipe = RECIPES.module(name).recipe()
    model, curve = built(recipe, "vit", dim=12, depth=2, heads=3, patch=4), Curve(60, 2)
    optimizer = recipe.optimizer(model.parameters(), 0.005 if name != "sgd" else 0.001)
    train(model, batches_of(data, 60), optimizer, on_loss=curve)
    assert curve.rows[-1][2] < curve.rows[0][2]


@pytest.mark.parametrize("name", RECIPES.names())
def test_a_recipe_takes_the_passes_it_says(name: str, data: DataSet) -> None:
    recipe, calls = RECIPES.module(name).recipe(), []
    model = built(recipe)
    train(
        model, batches_of(data, 2), recipe.optimizer(model.parameters(), 1e-3), after_backward=lambda: calls.append(1)
    )
    assert len(calls) == 2 * recipe.passes


def test_a_second_pass_leaves_running_statistics_alone(data: DataSet) -> None:
    """At rate 0 SAM and Adam see the same model, and must leave the same BatchNorm statistics."""
    states = []
    for name in ("adam", "sam", "cram"):
        recipe = RECIPES.module(name).recipe()
        model = built(recipe)
        train(model, batches_of(data, 3), recipe.optimizer(model.parameters(), 0.0))
        states.append({key: value for key, value in model.state_dict().items() if "running" in key or "num" in key})
    for other in states[1:]:
        assert all(torch.equal(states[0][name], other[name]) for name in other)


def quadratic(weight: nn.Parameter, curvature: Tensor) -> Closure:
    def closure() -> Tensor:
        weight.grad = None
        loss = 0.5 * (curvature * weight**2).sum()
        loss.backward()
        return loss.detach()

    return closure


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_steps_along_the_gradient_at_the_worst_point(adaptive: bool) -> None:
    """Adam's first step is -lr * sign(g); with gradients given, its moments tell which gradient it saw."""
    curvature, start, rho = torch.tensor([1.0, 4.0]), torch.tensor([3.0, 1.0]), 0.1
    weight = nn.Parameter(start.clone())
    optimizer = sharpness_aware(rho, adaptive)([weight], 0.01)
    loss = optimizer.step(quadratic(weight, curvature))  # type: ignore[arg-type]
    gradient = curvature * start  # (3, 4): norm 5
    scale = start if adaptive else torch.ones(2)
    worst = start + rho * scale**2 * gradient / (scale * gradient).norm()
    seen = optimizer.state[weight]["exp_avg"] / 0.1  # 1 - beta1
    assert torch.allclose(seen, curvature * worst, atol=1e-5)
    assert float(loss) == pytest.approx(6.5)
    assert torch.allclose(weight.detach(), start - 0.01, atol=1e-4)


def test_cram_adds_the_gradient_at_the_pruned_ascent_point() -> None:
    """Ten weights, density 0.5 first: by hand."""
    start = torch.arange(1.0, 11.0).view(2, 5)
    weight = nn.Parameter(start.clone())
    optimizer = CompressionAware([weight], 0.01, rho=0.1)
    optimizer.step(quadratic(weight, torch.ones(2, 5)))
    climbed = 1.1 * start  # gradient of the quadratic is w
    mask = (start > 5).float()
    expected = start + mask * climbed
    assert torch.allclose(optimizer.state[weight]["exp_avg"] / 0.1, expected, atol=1e-4)
    assert torch.allclose(weight.detach(), start - 0.01, atol=1e-4)


def test_cram_takes_its_densities_in_turn_and_leaves_vectors_whole() -> None:
    matrix, vector = nn.Parameter(torch.randn(10, 10)), nn.Parameter(torch.randn(10))
    for density in DENSITIES:
        before = vector.detach().clone()
        masks = CompressionAware.pruned([vector, nn.Parameter(matrix.detach().clone())], density)
        assert list(masks) == [1]
        assert int(masks[1].sum()) == round(100 * density)
        assert torch.equal(vector, before)


def test_adam_long_trains_longer_and_others_do_not() -> None:
    lengths = {name: RECIPES.module(name).recipe().length for name in RECIPES.names()}
    assert {name for name, length in lengths.items() if length != 1} == {"adam_long"}
    assert lengths["adam_long"] == 2


def test_options_of_a_recipe_are_checked_by_name_and_type() -> None:
    with pytest.raises(InputError, match="no such option; allowed: rho"):
        RECIPES.check_options("sam", {"radius": 0.1}, "pretrain.options.sam")
    with pytest.raises(InputError, match="expected a value of type int"):
        RECIPES.check_options("snt", {"parallel": 1.5}, "pretrain.options.snt")
