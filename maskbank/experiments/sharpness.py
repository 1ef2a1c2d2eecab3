"""Sharpness: how flat the minimum of each net pretrained on all classes is, measured on training images alone."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from maskbank.cells.engine import Runtime
from maskbank.cells.result import Point, Result
from maskbank.cells.spec import Cell, Spec
from maskbank.config import Params
from maskbank.data.dataset import DataSet
from maskbank.errors import Diverged, InputError
from maskbank.experiments.dense import cell_data, dense_model
from maskbank.experiments.folders import Artifact
from maskbank.experiments.world import World
from maskbank.measures.landscape import loss_grid, loss_line
from maskbank.measures.sharpness import adaptive_sharpness, curvature, mean_loss, parameters
from maskbank.registry import BACKBONES

Rows = list[tuple[int, str, str, float]]  # steps, metric, setting, value
IMAGE_SEED = 0  # of the order of training images: the same ones for every recipe and seed


class SharpnessSpec(Spec):
    stage: ClassVar[str] = "sharpness"

    method: str = "dense"
    role: str = "reference"
    classes: tuple[int, ...]
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


def plan(params: Params, world: World) -> list[Cell[SharpnessSpec]]:
    """A cell for each net that `sharpness` names; landscapes of those of the first seed."""
    given = params.sharpness
    base: dict[str, Any] = given.model_dump(
        include={"images", "eigen_steps", "trace_samples", "rho", "group", "ascent_steps"}
    )
    drawn: dict[str, Any] = given.model_dump(include={"landscape", "span"}) if given.landscape else {}
    shelf = world.shelf(given.backbones)
    return [
        Cell(
            SharpnessSpec(
                backbone=backbone, recipe=dense.spec["recipe"], pretrain_seed=dense.spec["seed"],
                seed=dense.spec["seed"], stop=stop_of(dense), classes=tuple(dense.spec["classes"]), **base,
                **(drawn if dense.spec["seed"] == params.pretrain.seeds[0] else {}),
            ),
            {"data": world.data, "dense": dense.input},
        )
        for backbone in given.backbones
        for dense in shelf.all_classes(backbone)
        if given.recipes is None or dense.spec["recipe"] in given.recipes
        if stop_of(dense) in given.stops
    ]  # fmt: skip


def stop_of(dense: Artifact) -> str:
    return str(dense.spec.get("stop", "steps"))


def run(cell: Cell[SharpnessSpec], runtime: Runtime) -> Result:
    """In float32 on any machine: second derivatives are too small a difference for bfloat16."""
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
    train = data.examples("train", spec.classes)
    if len(train) < spec.images:
        raise InputError(f"sharpness.images = {spec.images}: there are {len(train)} training images; lower it")
    order = torch.randperm(len(train), generator=seeded(IMAGE_SEED))
    chosen = train.take(order[: spec.images])
    return data.normalise(chosen.x).contiguous(), chosen.y


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def hessian_rows(spec: SharpnessSpec, model: nn.Module, x: Tensor, y: Tensor) -> Rows:
    found = curvature(
        model, x, y, eigen_steps=spec.eigen_steps, trace_samples=spec.trace_samples, generator=seeded(spec.seed)
    )
    return [
        (0, "hessian_top", "none", found.top),
        (0, "hessian_top_residual", "none", found.top_residual),
        (0, "hessian_trace", "none", found.trace),
        (0, "hessian_trace_se", "none", found.trace_error),
    ]


def landscape_rows(spec: SharpnessSpec, model: nn.Module, x: Tensor, y: Tensor) -> Rows:
    """Along the same random directions for every recipe, as far as the shapes of their parameters agree."""
    line = loss_line(model, x, y, points=spec.landscape, span=spec.span, generator=seeded(spec.seed))
    grid = loss_grid(model, x, y, points=spec.landscape, span=spec.span, generator=seeded(spec.seed))
    return [
        *((0, "landscape_line", f"{a:g}", loss) for a, loss in line.items()),
        *((0, "landscape_loss", f"{a:g} {b:g}", loss) for (a, b), loss in grid.items()),
    ]
