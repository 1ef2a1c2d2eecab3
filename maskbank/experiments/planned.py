"""Planning before anything has run: the world that params promise, and what its cells would cost on this machine."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from maskbank.cells.machine import resolve_precision
from maskbank.cells.spec import Cell, Input
from maskbank.config import Data, Params
from maskbank.data.dataset import FOREIGN, PREPARED
from maskbank.data.tasks import Split, draw_splits
from maskbank.errors import InputError
from maskbank.experiments import compress, evaluate, int8, pretrain, prune, relate, sharpness, sparsify, transfer, tune
from maskbank.experiments.folders import Artifact, stage_folder
from maskbank.experiments.grow import planned_workers
from maskbank.experiments.jobs import Generated
from maskbank.experiments.sharpness import SharpnessSpec
from maskbank.experiments.sparse_training import IMAGES, has_workers
from maskbank.experiments.world import Home, Shelf, World
from maskbank.files import read_json
from maskbank.models.checkpoint import Architecture
from maskbank.registry import SOURCES
from maskbank.training.loop import Loss, cross_entropy, train


class PlannedWorld(World):
    """The world that params promise: right in its counts and specs, with made-up hashes. Reads no artifact."""

    @cached_property
    def classes(self) -> int:
        return class_count(self.params.data, PREPARED)

    @cached_property
    def image(self) -> tuple[int, int] | None:
        try:
            return image_facts(self.params)[:2]
        except InputError:
            return None

    @cached_property
    def splits(self) -> list[Split]:
        foreign = self.params.foreign
        return draw_splits(self.params.tasks, self.classes, class_count(foreign, FOREIGN) if foreign else 0)

    @cached_property
    def data(self) -> Input:
        return Input("", "planned")

    def shelf(self, backbones: list[str]) -> Shelf:
        cells = [cell for name in backbones for cell in pretrain.plan(self.params, self, name)]
        return Shelf(tuple(self.promise(cell) for cell in cells))

    def artifacts(self, stage: str) -> list[Artifact]:
        return [self.promise(cell) for cell in transfer.plan(self.params, self)]

    @cached_property
    def foreign(self) -> Input:
        return Input("", "planned")

    def bank(self, home: Home, name: str) -> Input:
        return Input("", "planned")

    def tuned(self, home: Home, method: str) -> dict[str, Any]:
        return {"tuning": f"tuned@{self.params.tune.trials}", "trials": self.params.tune.trials}

    @staticmethod
    def promise(cell: Cell) -> Artifact:
        spec: dict[str, Any] = cell.spec.model_dump(mode="json")
        size = {"channels": 0, "size": 0}
        return Artifact(stage_folder(cell.stage), "planned", "planned", "planned", spec, size, None)


def class_count(data: Data, prepared: Path) -> int:
    """Of the source itself, or else of the prepared data."""
    source = SOURCES.module(data.source)
    if hasattr(source, "CLASSES"):
        return int(source.CLASSES)
    if (prepared / "data.json").is_file():
        return len(read_json(prepared / "data.json")["names"])
    raise InputError(f"plan: how many classes {data.source} has is known after `dvc repro prepare`")


def planned_cells(params: Params) -> dict[str, list[Cell[Any]]]:
    """Every cell of every stage, without reading what stages leave."""
    world = PlannedWorld(params)
    sparse = sparsify.plan(params, world)
    workers = planned_workers(sparse, sparsify.schedules(sparse, params, world))
    return {
        "pretrain": [cell for name in params.pretrain.backbones for cell in pretrain.plan(params, world, name)],
        "compress": list(compress.plan(params, world)),
        "sharpness": list(sharpness.plan(params, world)),
        "grow": workers,
        "sparsify": list(sparse),
        "prune": list(prune.plan(params, world)),
        "tune": list(tune.plan(params, world)),
        "transfer": list(transfer.plan(params, world)),
        "relate": list(relate.plan(params, world)),
        "evaluate": list(evaluate.plan(params, world)),
        "int8": list(int8.plan(params, world)),
    }


@dataclass(frozen=True)
class Pace:
    """Core-seconds that this machine takes for one example through a dense backbone."""

    trained: float
    evaluated: float


def backbone_pace(params: Params, backbone: str, channels: int, size: int, classes: int) -> Pace:
    model = Architecture(backbone, classes, channels, size, dict(params.models.get(backbone, {}))).build()
    x = torch.randn(64, channels, size, size).contiguous(memory_format=torch.channels_last)
    return measure_pace(params, model, x, torch.zeros(64, dtype=torch.int64), cross_entropy)


def workload_pace(params: Params, name: str) -> Pace:
    job = Generated(name, dict(params.sparsify.workloads.get(name, {})))
    x, y = next(job.batches(16, 1, torch.Generator().manual_seed(0)))
    return measure_pace(params, job.build(), x, y, job.loss_of)


def measure_pace(params: Params, model: nn.Module, x: Tensor, y: Tensor, loss_of: Loss) -> Pace:
    """Time two training steps and two evaluation batches, after one of each."""
    torch.set_num_threads(1)
    optimizer, precision = torch.optim.Adam(model.parameters()), resolve_precision(params.engine.precision)

    def seconds(action: Callable[[], object]) -> float:
        action()
        started = time.process_time()
        action()
        action()
        return (time.process_time() - started) / (2 * len(x))

    trained = seconds(lambda: train(model, [(x, y)], optimizer, loss_of=loss_of, precision=precision))
    model.eval()
    with torch.no_grad():
        return Pace(trained, seconds(lambda: model(x)))


def estimate(cell: Cell[Any], pace: Pace, per_class: int, entries: int) -> float:
    """Core-seconds a cell should take: its examples at the pace of the dense net, scaled by the budget where it is sliced."""
    spec, test = cell.spec, per_class * len(getattr(cell.spec, "classes", ()))
    if cell.stage in ("pretrain", "grow", "sparsify"):
        return spec.batch * own_steps(cell) * pace.trained + test * pace.evaluated
    if cell.stage == "prune":
        return spec.batch * spec.train_steps * spec.repeats * pace.trained + test * pace.evaluated * spec.budget
    if cell.stage == "relate":
        masks = 2 * spec.train_batch * spec.train_steps * spec.repeats * pace.trained
        each = spec.batch * spec.adapt_steps[-1] * pace.trained + test * len(spec.adapt_steps) * pace.evaluated
        return masks + entries * max(spec.budget, 0.25) * each
    if cell.stage in ("transfer", "tune"):
        width = max(spec.budget, 0.25)
        adapted = spec.batch * spec.adapt_steps[-1] * pace.trained * width
        judged = test * len(spec.adapt_steps) * pace.evaluated * width
        return adapted + judged + 3 * spec.score_images * pace.evaluated
    if cell.stage == "sharpness":
        return spec.images * sharpness_forwards(spec) * pace.evaluated
    if cell.stage == "compress" and spec.attack:
        climbs = len(spec.attack["eps"]) * (2 + spec.attack["steps"] * spec.attack["restarts"])
        return test * (climbs * pace.trained + pace.evaluated) * spec.budget
    return (test or spec.repeats) * pace.evaluated


def own_steps(cell: Cell[Any]) -> float:
    """Steps that a training cell takes itself, without those of workers before it."""
    if cell.stage == "grow":
        return float(cell.spec.length)
    if cell.stage == "sparsify" and has_workers(cell.spec):
        return float(cell.spec.steps * cell.spec.tune_fraction)
    return float(cell.spec.steps)


def sharpness_forwards(spec: SharpnessSpec) -> int:
    """Forwards of an image that cost as much as a sharpness cell, as measured on ResNet-20; a small ViT takes fewer.

    A gradient is worth 3, with its graph 4, a Hessian product 7; the largest eigenvalue mostly takes 10 products at most.
    """
    hessian = 4 + 7 * (min(spec.eigen_steps, 10) + spec.trace_samples)
    climbs = 3 + len(spec.rho) * 2 * (3 * (spec.ascent_steps - 1) + 1)
    return hessian + climbs + spec.landscape * (spec.landscape + 1) + 1


def estimates(params: Params, cells: dict[str, list[Cell[Any]]]) -> dict[str, float]:
    """Core-seconds of each stage on this machine."""
    channels, size, per_class = image_facts(params)
    classes = PlannedWorld(params).classes
    paces = {name: backbone_pace(params, name, channels, size, classes) for name in params.pretrain.backbones}
    for cell in cells["sparsify"]:
        if cell.spec.workload != IMAGES and cell.spec.backbone not in paces:
            paces[cell.spec.backbone] = workload_pace(params, cell.spec.workload)
    return {
        stage: sum(
            estimate(cell, paces[cell.spec.backbone], per_class, params.tasks.bank_per_split) for cell in planned
        )
        for stage, planned in cells.items()
    }


def image_facts(params: Params) -> tuple[int, int, int]:
    """Channels, pixels a side and test images a class: of the prepared data, else of the source's own IMAGE."""
    path = PREPARED / "data.json"
    about = read_json(path) if path.is_file() else {}
    if about.get("source") == params.data.source and params.data.size in (None, about["image"][1]):
        return about["image"][0], about["image"][1], about["images"]["test"] // len(about["names"])
    source = SOURCES.module(params.data.source)
    if not hasattr(source, "IMAGE"):
        raise InputError(f"plan: the size of {params.data.source}'s images is known after `dvc repro prepare`")
    channels, size, per_class = source.IMAGE
    return channels, params.data.size or size, params.data.test_per_class or per_class
