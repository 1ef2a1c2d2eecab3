"""Which layers grow together: GaP's partitions of a model (Ma et al., ICLR 2022, arXiv 2106.09857)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch

from maskbank.errors import InputError
from maskbank.seeds import torch_generator
from maskbank.sparse.goal import Goal

Kind = Literal["cyclic", "random"]


def turns_of(goal: Goal, partitions: int, turns: int, kind: Kind, key: str) -> list[list[str]]:
    """The layers that are dense in each of `turns` turns. Raises InputError for more partitions than layers.

    cyclic: contiguous runs of layers in forward order, one after the other. random: as many layers as a run has, of those
    that were not grown in the turn before.
    """
    names = goal.names
    if not 1 <= partitions <= len(names):
        raise InputError(f"{key} = {partitions}: the model has {len(names)} layers to part")
    if kind == "random":
        return drawn(names, partitions, turns, goal.seed)
    runs = contiguous(names, partitions)
    return [runs[turn % partitions] for turn in range(turns)]


def rounds_at_random(goal: Goal, partitions: int, rounds: int) -> list[list[str]]:
    """For each round a partition of all layers drawn again, in forward order inside a part; rounds one after the other."""
    names, generator = goal.names, torch_generator(goal.seed, "partitions")
    found: list[list[str]] = []
    for _ in range(rounds):
        order = torch.randperm(len(names), generator=generator).tolist()
        found += [sorted(part, key=names.index) for part in contiguous([names[place] for place in order], partitions)]
    return found


def contiguous(names: Sequence[str], partitions: int) -> list[list[str]]:
    """Layers in forward order, cut into nearly equal runs."""
    edges = [round(index * len(names) / partitions) for index in range(partitions + 1)]
    return [list(names[start:end]) for start, end in pairwise(edges)]


def drawn(names: Sequence[str], partitions: int, turns: int, seed: int) -> list[list[str]]:
    """For each turn random layers, in forward order, none of which was grown in the turn before (unless all always are)."""
    generator, count = torch_generator(seed, "partitions"), max(1, round(len(names) / partitions))
    found: list[list[str]] = []
    for _ in range(turns):
        free = [name for name in names if not found or name not in found[-1]] if partitions > 1 else list(names)
        order = torch.randperm(len(free), generator=generator)[:count].tolist()
        found.append([free[place] for place in sorted(order)])
    return found
