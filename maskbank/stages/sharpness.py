"""Sharpness: how flat the minimum of each model pretrained on all classes is, measured on training images alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from maskbank.cells.result import Point, Result
from maskbank.cells.spec import Cell, Spec
from maskbank.checks import among
from maskbank.config import Params
from maskbank.errors import Diverged, InputError
from maskbank.experiments.state import State
from maskbank.experiments.work import Facts, Work
from maskbank.registry import BACKBONES
from maskbank.section import Count, Positive, Rate, Section, Stop
from maskbank.seeds import torch_generator
from maskbank.stages.pretrain import Pretrain

if TYPE_CHECKING:
    from torch import Tensor, nn

    from maskbank.cells.engine import Runtime
    from maskbank.data.dataset import DataSet

AFTER = "compress"
Rows = list[tuple[int, str, str, float]]  # steps, metric, setting, value
IMAGE_SEED = 0  # of the order of training images: the same ones for every recipe and seed


class Sharpness(Section):
    """How flat the minima of the pretrained models are, on training images, in eval mode."""

    backbones: list[str] = Field([], description="none: the stage has no cells")
    recipes: list[str] | None = Field(None, description="null: all that are pretrained")
    stops: Annotated[list[Stop], Field(min_length=1)] = ["steps"]
    images: Positive = Field(512, description="training images that loss and its derivatives are taken over")
    eigen_steps: Positive = Field(
        30, description="Hessian products, at most, for the largest eigenvalue; 5 to 10 are common"
    )
    trace_samples: Positive = Field(8, description="random vectors of the trace's estimate")
    rho: Annotated[list[Rate], Field(min_length=1)] = Field([0.1, 0.25], description="radii of adaptive sharpness")
    group: Positive = Field(64, description="m of m-sharpness: images that are perturbed together")
    ascent_steps: Positive = Field(5, description="of each of the two climbs in a ball")
    landscape: Count = Field(0, description="points a side of the loss landscape of the first seed's models; 0: none")
    span: Rate = Field(0.5, description="half the side of the landscape, in filter-normalised units")


SECTION = Sharpness


def check(params: Params) -> None:
    given, pretrain = params[Sharpness], params[Pretrain]
    among(given.backbones, pretrain.backbones, "sharpness.backbones", "not among pretrain.backbones")
    recipes = sorted({recipe for backbone in given.backbones for recipe in pretrain.recipes[backbone]})
    if given.backbones:
        among(given.recipes or [], recipes, "sharpness.recipes", f"not pretrained for {', '.join(given.backbones)}")
    if given.backbones and "loss" in given.stops and not set(given.backbones) & set(pretrain.stop_loss):
        raise InputError(
            f"sharpness.stops = {given.stops}: pretrain.stop_loss names none of sharpness.backbones; add one or drop loss"
        )
    if given.group > given.images:
        raise InputError(f"sharpness.group = {given.group}: more than sharpness.images = {given.images}; lower it")
    if len({f"{rho:g}" for rho in given.rho}) < len(given.rho):
        raise InputError(f"sharpness.rho = {given.rho}: a radius is given twice; remove the repeat")
    if given.landscape and given.landscape % 2 == 0:
        even = f"sharpness.landscape = {given.landscape}"
        raise InputError(f"{even}: an even number of points has no centre; use {given.landscape + 1}, or 0 for none")


class SharpnessSpec(Spec):
    stage: ClassVar[str] = "sharpness"

    method: str = "dense"
    role: str = "reference"
    images: int
    eigen_steps: int
    trace_samples: int
    rho: tuple[float, ...]
    group: int
    ascent_steps: int
    landscape: int = 0
    span: float = 1.0

    def modules(self) -> tuple[str, ...]:
        return (BACKBONES.module_name(self.backbone),)


def plan(params: Params, state: State) -> list[Cell[SharpnessSpec]]:
    """A cell for each model that `sharpness` names; landscapes of those of the first seed."""
    given = params[Sharpness]
    base: dict[str, Any] = given.model_dump(
        include={"images", "eigen_steps", "trace_samples", "rho", "group", "ascent_steps"}
    )
    drawn: dict[str, Any] = given.model_dump(include={"landscape", "span"}) if given.landscape else {}
    checkpoints = state.checkpoints(given.backbones)
    return [
        Cell(
            SharpnessSpec(
                backbone=backbone, recipe=dense.spec["recipe"], pretrain_seed=dense.spec["seed"],
                seed=dense.spec["seed"], stop=dense.spec["stop"], classes=tuple(dense.spec["classes"]), **base,
                **(drawn if dense.spec["seed"] == params[Pretrain].seeds[0] else {}),
            ),
            {"data": state.data, "dense": dense.input},
        )
        for backbone in given.backbones
        for dense in checkpoints.all_classes(backbone)
        if given.recipes is None or dense.spec["recipe"] in given.recipes
        if dense.spec["stop"] in given.stops
    ]  # fmt: skip


def work(spec: SharpnessSpec, facts: Facts) -> Work:
    """Forwards of an image that cost as much as a cell, as measured on ResNet-20; a small ViT takes fewer.

    A gradient is worth 3, with its graph 4, a Hessian product 7; the largest eigenvalue mostly takes 10 products at most.
    """
    hessian = 4 + 7 * (min(spec.eigen_steps, 10) + spec.trace_samples)
    climbs = 3 + len(spec.rho) * 2 * (3 * (spec.ascent_steps - 1) + 1)
    return Work(evaluated=spec.images * (hessian + climbs + spec.landscape * (spec.landscape + 1) + 1))


def run(cell: Cell[SharpnessSpec], runtime: Runtime) -> Result:
    """In float32 on any machine: second derivatives are too small a difference for bfloat16."""
    from maskbank.experiments.dense import cell_data, dense_model
    from maskbank.measures.sharpness import adaptive_sharpness, mean_loss, parameters

    spec, model = cell.spec, dense_model(cell)
    x, y = sample(spec, cell_data(cell))
    loss = mean_loss(model, parameters(model), (x, y))
    if not np.isfinite(loss):
        raise Diverged(f"loss {loss} on the training images; nothing to measure")
    rows = [(0, "sharpness_loss", "none", loss)]
    rows += hessian_rows(spec, model, x, y)
    found = adaptive_sharpness(model, x, y, rho=spec.rho, group=spec.group, steps=spec.ascent_steps)
    rows += [(0, "sharpness_adaptive", f"rho {rho:g}", value) for rho, value in found.items()]
    return Result(points=[Point(0)], metrics=rows + (landscape_rows(spec, model, x, y) if spec.landscape else []))


def sample(spec: SharpnessSpec, data: DataSet) -> tuple[Tensor, Tensor]:
    """The first `images` of the training examples in a fixed order. Raises InputError where there are fewer."""
    import torch

    train = data.examples("train", spec.classes)
    if len(train) < spec.images:
        raise InputError(f"sharpness.images = {spec.images}: there are {len(train)} training images; lower it")
    order = torch.randperm(len(train), generator=torch_generator(IMAGE_SEED, "images"))
    chosen = train.take(order[: spec.images])
    return data.normalise(chosen.x).contiguous(), chosen.y


def hessian_rows(spec: SharpnessSpec, model: nn.Module, x: Tensor, y: Tensor) -> Rows:

    from maskbank.measures.sharpness import curvature

    steps = {"eigen_steps": spec.eigen_steps, "trace_samples": spec.trace_samples}
    found = curvature(model, x, y, **steps, generator=spec.draw("hessian"))
    return [
        (0, "hessian_top", "none", found.top),
        (0, "hessian_top_residual", "none", found.top_residual),
        (0, "hessian_trace", "none", found.trace),
        (0, "hessian_trace_se", "none", found.trace_error),
    ]


def landscape_rows(spec: SharpnessSpec, model: nn.Module, x: Tensor, y: Tensor) -> Rows:
    """Along the same random directions for every recipe, as far as the shapes of their parameters agree."""

    from maskbank.measures.landscape import loss_grid, loss_line

    line = loss_line(model, x, y, points=spec.landscape, span=spec.span, generator=spec.draw("landscape"))
    grid = loss_grid(model, x, y, points=spec.landscape, span=spec.span, generator=spec.draw("landscape"))
    return [
        *((0, "landscape_line", f"{a:g}", loss) for a, loss in line.items()),
        *((0, "landscape_loss", f"{a:g} {b:g}", loss) for (a, b), loss in grid.items()),
    ]
