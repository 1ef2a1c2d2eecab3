"""What the schedule of a sparse training decides before it runs: whether it fits, its steps, and those of its workers."""

import functools
import json

import torch
from torch import nn

from maskbank.experiments.grow import Rounds
from maskbank.experiments.jobs import Generated
from maskbank.experiments.sparse_spec import IMAGES, SparseSpec, has_workers
from maskbank.experiments.sparse_training import goal_of, phases_of
from maskbank.measures.weight_cost import WeightCost, weight_cost
from maskbank.models.checkpoint import Architecture
from maskbank.sparse.parallel import rounds_of
from maskbank.sparse.phase import Phase
from maskbank.sparse.schedule import same_line, same_macs

Image = tuple[int, int]  # channels, pixels a side


def steps_and_rounds(spec: SparseSpec, image: Image | None) -> tuple[int, Rounds]:
    """Steps of the spec's setup, and the rounds of its workers. Raises InputError for a schedule that does not fit."""
    model, cost = known_model(spec.workload, spec.backbone, json.dumps(spec.model), len(spec.classes), image)
    phases = phases_of(spec, model)
    if spec.setup not in ("same-macs", "same-line"):
        return spec.steps, worker_rounds(phases) if has_workers(spec.method) else []
    goal = goal_of(spec, model)
    steps = (
        same_macs(spec.method, goal, spec.options, cost)
        if spec.setup == "same-macs"
        else same_line(spec.method, goal, spec.options)
    ).steps
    phases = phases_of(spec.model_copy(update={"steps": steps}), model)
    return steps, worker_rounds(phases) if has_workers(spec.method) else []


def worker_rounds(phases: list[Phase]) -> Rounds:
    """Steps of each worker of each round but the last, which is the cell's own."""
    return [[phase.steps for phase in together] for together in rounds_of(phases)[:-1]]


@functools.cache
def known_model(
    workload: str, backbone: str, options: str, classes: int, image: Image | None
) -> tuple[nn.Module, WeightCost]:
    """The model that is trained, with what its training costs. `options` as JSON."""
    if workload != IMAGES or image is None:
        job = Generated(workload, json.loads(options))
        model = job.build()
        return model, weight_cost(model, job.blank)
    channels, size = image
    model = Architecture(backbone, classes, channels, size, json.loads(options)).build()
    return model, weight_cost(model, torch.zeros(1, channels, size, size))
