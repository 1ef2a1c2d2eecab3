"""What a sparse training is for, as its cells use it: images of the prepared data, or a generated workload."""

import copy
import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from maskbank.cells.result import Point
from maskbank.data.batches import Batches, PairBatches, TrainingBatches
from maskbank.data.dataset import DataSet, TestSet
from maskbank.models.checkpoint import Architecture
from maskbank.pruning.sample import Sample
from maskbank.registry import WORKLOADS
from maskbank.training.batchnorm import reestimate
from maskbank.training.evaluate import evaluate, judged_point
from maskbank.training.loop import Loss, cross_entropy
from maskbank.training.workload import Workload

NORM_BATCHES, NORM_BATCH = 8, 128  # examples that BatchNorm is re-estimated on before a model is judged in mid-schedule
Metrics = list[tuple[int, str, str, float]]


@dataclass(frozen=True)
class Images:
    """Classification of the prepared images. `validated` names the score that choices are made by."""

    data: DataSet
    classes: tuple[int, ...]
    architecture: Architecture
    crop: int
    flip: bool
    loss_of: Loss = cross_entropy
    validated: str = "validation_accuracy"

    @property
    def blank(self) -> Tensor:
        """An input [1, ...] that costs are counted on."""
        return self.data.blank

    def build(self) -> nn.Module:
        return self.architecture.build()

    def describe(self) -> dict[str, Any]:
        return self.architecture.describe()

    def batches(self, batch: int, steps: int, generator: torch.Generator, plain: bool = False) -> Batches:
        """Of training examples; `plain`: without augmentation."""
        train = self.data.examples("train", self.classes)
        crop, flip = (0, False) if plain else (self.crop, self.flip)
        return TrainingBatches(self.data, train, batch, steps, generator, crop, flip)

    def sample(self, count: int, drawn: torch.Generator, generator: torch.Generator) -> Sample:
        """Training examples that a method may score by, and what its scores draw from."""
        train = self.data.examples("train", self.classes)
        seen = train.take(torch.randperm(len(train), generator=drawn)[:count])
        return Sample(self.data.normalise(seen.x), seen.y, generator)

    def validate(self, model: nn.Module) -> float:
        return evaluate(model, self.data, self.data.examples("validation", self.classes))[0].accuracy

    def test(self, model: nn.Module, steps: int, values: dict[str, Any]) -> tuple[Point, Metrics]:
        """Reads the test part once."""
        test = TestSet(self.data, self.classes)
        sheet, loss = evaluate(model, self.data, test.read(steps))
        return judged_point(steps, sheet, {"loss": loss, **values}), test.metrics()


@dataclass(frozen=True)
class Generated:
    """A workload of `maskbank.workloads`, with its options."""

    name: str
    options: dict[str, Any]

    @functools.cached_property
    def workload(self) -> Workload:
        return opened(self.name, tuple(sorted(self.options.items())))

    @property
    def loss_of(self) -> Loss:
        return self.workload.loss

    @property
    def validated(self) -> str:
        return f"validation_{self.workload.metric}"

    @property
    def blank(self) -> Tensor:
        return torch.zeros_like(self.workload.train[0][:1])

    def build(self) -> nn.Module:
        return self.workload.build()

    def describe(self) -> dict[str, Any]:
        return {"workload": self.name, "options": self.options}

    def batches(self, batch: int, steps: int, generator: torch.Generator, plain: bool = False) -> Batches:
        return PairBatches(*self.workload.train, batch, steps, generator)

    def sample(self, count: int, drawn: torch.Generator, generator: torch.Generator) -> Sample:
        x, y = self.workload.train
        index = torch.randperm(len(x), generator=drawn)[:count]
        return Sample(x[index], y[index], generator)

    def validate(self, model: nn.Module) -> float:
        return self.workload.score(model.eval(), self.workload.validation)

    def test(self, model: nn.Module, steps: int, values: dict[str, Any]) -> tuple[Point, Metrics]:
        score = self.workload.score(model.eval(), self.workload.test)
        return Point(steps, values=values), [
            (steps, self.workload.metric, "none", score),
            (steps, "test_reads", "none", 1.0),
        ]


Job = Images | Generated


@functools.lru_cache(maxsize=2)
def opened(name: str, options: tuple[tuple[str, Any], ...]) -> Workload:
    """Its data are generated once a worker."""
    workload: Workload = WORKLOADS.module(name).workload(**dict(options))
    return workload


def score_reestimated(job: Job, model: nn.Module, generator: torch.Generator) -> float:
    """Score on validation examples of a copy whose BatchNorm statistics are those of the model as it is now."""
    twin = copy.deepcopy(model)
    reestimate(twin, job.batches(NORM_BATCH, NORM_BATCHES, generator, plain=True))
    return job.validate(twin)
