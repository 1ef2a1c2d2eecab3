"""A sub-network for a task: cut from a dense model, given a head, adapted along one trajectory and judged on the way."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from maskbank.bank.target import Target
from maskbank.cells.result import Point
from maskbank.data.batches import TrainingBatches
from maskbank.data.dataset import DataSet, Examples
from maskbank.experiments.task import TaskSpec
from maskbank.measures.cost import Cost, parameter_count, tensor_bytes
from maskbank.models.heads import replace_head
from maskbank.models.surgery import Kept
from maskbank.pruning.sample import Sample
from maskbank.training.batchnorm import reestimate
from maskbank.training.evaluate import evaluate, judged_point
from maskbank.training.loop import train
from maskbank.training.prototypes import class_means, prototype_head

NORM_BATCHES, NORM_BATCH = 4, 128
PROTOTYPE_IMAGES = 100  # a class
Judged = Callable[[int], Examples]  # the examples to judge on after so many steps


@dataclass(frozen=True)
class Shown:
    """What a method may see of a task: its training images, and of these some for prototypes and scores."""

    spec: TaskSpec
    data: DataSet
    examples: Examples
    support: Examples

    def prototypes(self, model: nn.Module) -> Tensor:
        return class_means(model, self.data, self.support, len(self.spec.classes))

    def batches(self, batch: int, steps: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        return TrainingBatches(self.data, self.examples, batch, steps, generator)


def show(spec: TaskSpec, data: DataSet) -> Shown:
    """`shots` of the spec are training images a class; None for all. Shuffled labels say nothing of the images (sanity check)."""
    examples = data.examples("train", spec.classes, spec.shots)
    if spec.shuffled_labels:
        order = torch.randperm(len(examples), generator=spec.draw("labels"))
        examples = replace(examples, y=examples.y[order])
    support = torch.randperm(len(examples), generator=spec.draw("support"))[: PROTOTYPE_IMAGES * len(spec.classes)]
    return Shown(spec, data, examples, examples.take(support))


def target_of(shown: Shown, dense: nn.Module, cost: Cost) -> Target:
    """The task as methods may see it. The dense model gets a head of the task's prototypes, for scores that need one."""
    spec = shown.spec
    chosen = shown.support.take(torch.arange(min(spec.score_images, len(shown.support))))
    replace_head(dense, prototype_head(shown.prototypes(dense)))
    return Target(
        dataset=spec.dataset,
        classes=spec.classes,
        sample=Sample(shown.data.normalise(chosen.x), chosen.y, spec.own_draw("scores")),
        cost=cost,
        budget=spec.budget,
        means=lambda: shown.prototypes(dense),
        batches=lambda steps: shown.batches(spec.batch, steps, spec.draw("mask")),
    )


def sizes(model: nn.Module, dense: nn.Module, cost: Cost, kept: Kept) -> dict[str, Any]:
    """Sizes of the sub-network and of the dense model, with the head that the dense model came with."""
    counts = {name: len(index) for name, index in kept.items()}
    grown = parameter_count(model) - parameter_count(dense)  # reconstruction may have added biases
    return {
        "params": grown + cost.params(cost.dense), "params_dense": cost.params(cost.dense),
        "macs": cost.macs(counts), "macs_dense": cost.macs(cost.dense), "bytes": tensor_bytes(model),
    }  # fmt: skip


def make_ready(model: nn.Module, shown: Shown) -> None:
    """Bring BatchNorm in line with what was cut, if the spec says so, and give the model its first head: prototypes."""
    if shown.spec.bn == "reestimated":
        reestimate(model, shown.batches(NORM_BATCH, NORM_BATCHES, shown.spec.draw("norm")))
    replace_head(model, prototype_head(shown.prototypes(model)))


def adapt(
    model: nn.Module, shown: Shown, judged: Judged, precision: str, values: dict[str, Any]
) -> tuple[list[Point], float]:
    """Train on to each T at a constant rate, judging on the way: one trajectory, one optimizer. With CPU-seconds of training."""
    spec = shown.spec
    optimizer = torch.optim.Adam(model.parameters(), spec.lr)
    generator, points, done, seconds = spec.draw("batches"), [], 0, 0.0
    for steps in spec.adapt_steps:
        if steps > done:
            started = time.process_time()
            train(model, shown.batches(spec.batch, steps - done, generator), optimizer, precision=precision)
            seconds += time.process_time() - started
        done = steps
        sheet, loss = evaluate(model, shown.data, judged(steps))
        spent = 3.0 * values["macs"] * spec.batch * steps
        points.append(judged_point(steps, sheet, values | {"loss": loss, "train_macs": spent}))
    return points, seconds
