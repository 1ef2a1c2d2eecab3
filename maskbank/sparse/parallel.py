"""Workers that train side by side: which phases they are, and how what they leave becomes one model again."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from maskbank.sparse.phase import Phase

State = Mapping[str, Tensor]


def rounds_of(phases: Sequence[Phase]) -> list[list[Phase]]:
    """Phases that run side by side together; a phase without a worker is a round of its own."""
    found: list[list[Phase]] = []
    for phase in phases:
        if phase.worker:
            found[-1].append(phase)
        else:
            found.append([phase])
    return found


def critical_path(phases: Sequence[Phase]) -> list[Phase]:
    """One phase of each round: the training as the clock sees it, where there are as many processors as workers."""
    return [together[0] for together in rounds_of(phases)]


def combine(model: nn.Module, states: Sequence[State], parts: Sequence[Sequence[str]]) -> dict[str, Tensor]:
    """One state of those of all workers: of each its own part, the names of prunable weights, with what belongs to it.

    A tensor belongs to the prunable weight with which it shares most of its module path; of several to the last before
    it, or else to the first. Tensors that share nothing with any, and weights that are dense by rule, are averaged
    (our reading of "with its norms").
    """
    owners = {name: worker for worker, part in enumerate(parts) for name in part}
    dense = {
        f"{name}.{own}"
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear) and f"{name}.weight" not in owners
        for own, _ in layer.named_parameters()
    }
    found = {}
    for name, first in states[0].items():
        owner = None if name in dense else nearest(name, list(states[0]), owners)
        if owner is not None:
            found[name] = states[owner][name]
        elif first.is_floating_point():
            found[name] = torch.stack([state[name] for state in states]).mean(0)
        else:
            found[name] = first
    return found


def nearest(name: str, names: Sequence[str], owners: Mapping[str, int]) -> int | None:
    """The worker of the prunable weight that a tensor belongs to."""
    paths = {other: shared(name, other) for other in names if other in owners}
    most = max(paths.values(), default=0)
    if most == 0:
        return None
    near = [other for other, length in paths.items() if length == most]
    before = [other for other in near if names.index(other) <= names.index(name)]
    return owners[before[-1] if before else near[0]]


def shared(left: str, right: str) -> int:
    """How many parts of their module paths two tensors have in common from the root on."""
    count = 0
    for mine, theirs in zip(left.split(".")[:-1], right.split(".")[:-1], strict=False):
        if mine != theirs:
            break
        count += 1
    return count
