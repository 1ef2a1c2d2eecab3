"""Allocation of weights: which tensors are ranked together, and how many weights of each such group stay."""

import math
from collections.abc import Mapping

from maskbank.errors import InputError
from maskbank.patterns import OF_WEIGHTS, PER_LAYER

Shapes = dict[str, tuple[int, ...]]  # tensor name -> its shape
Groups = list[tuple[list[str], int]]  # tensors ranked together, and how many weights (or blocks) of them stay
Budget = float | Mapping[str, float]  # a fraction of all weights, or a density for each tensor by name


def share(shapes: Shapes, sizes: dict[str, int], budget: Budget, allocation: str) -> Groups:
    """Spread a budget over tensors of `sizes` things that stay or leave (weights, or blocks of them).

    uniform: the same fraction of every tensor. global: one ranking. erk: see `erk`. isomorphic: tensors of equal shape
    are ranked together, every group at the same fraction (Fang et al. 2024; their groups are sub-structures of one
    topology, taking tensors for these is our reading). per_layer: `budget` is a density for every tensor by name.
    The last one of a tensor always stays. Raises InputError where the budget cannot be met or prunes nothing.
    """
    if allocation not in OF_WEIGHTS:
        raise InputError(f"allocation = {allocation!r}: unknown for weights; choose from {', '.join(OF_WEIGHTS)}")
    if allocation == PER_LAYER:
        counts = {name: round(density * sizes[name]) for name, density in given(budget, sizes).items()}
        return pruned([([name], max(1, count)) for name, count in counts.items()], sizes, budget)
    fraction = one_fraction(budget, sizes, allocation)
    if allocation == "erk":
        return pruned([([name], count) for name, count in erk(shapes, sizes, fraction).items()], sizes, budget)
    together: dict[object, list[str]] = {}
    for name in sizes:
        key = {"global": None, "isomorphic": shapes[name]}.get(allocation, name)
        together.setdefault(key, []).append(name)
    wanted = [(names, round(fraction * sum(sizes[name] for name in names))) for names in together.values()]
    return pruned([(names, max(len(names), count)) for names, count in wanted], sizes, budget)


def one_fraction(budget: Budget, sizes: dict[str, int], allocation: str) -> float:
    """The budget. Raises InputError for what is no fraction, and where one thing in each tensor is already too much."""
    if isinstance(budget, Mapping) or not 0 < budget <= 1:
        raise InputError(f"budget = {budget!r}: allocation {allocation!r} takes one fraction above 0, up to 1")
    total = sum(sizes.values())
    if round(budget * total) < len(sizes):
        raise InputError(
            f"budget of {budget:g} of the weights: out of reach; with one left in each tensor {len(sizes) / total:.4f} remain"
        )
    return budget


def pruned(groups: Groups, sizes: dict[str, int], budget: Budget) -> Groups:
    """The groups. Raises InputError where nothing leaves though less than everything was asked for."""
    everything = budget == 1 or (isinstance(budget, Mapping) and all(density == 1 for density in budget.values()))
    if sum(count for _, count in groups) == sum(sizes.values()) and not everything:
        raise InputError(f"budget of {budget} of the weights: nothing would be pruned; use a smaller one")
    return groups


def given(budget: Budget, sizes: dict[str, int]) -> Mapping[str, float]:
    """The densities of allocation per_layer, one for every tensor. Raises InputError for any that is missing or unknown."""
    if not isinstance(budget, Mapping):
        raise InputError(f"budget = {budget!r}: allocation 'per_layer' takes a density for each tensor, by name")
    for name, density in budget.items():
        if name not in sizes:
            raise InputError(f"density of {name!r}: no such prunable tensor; choose from {', '.join(sizes)}")
        if not 0 < density <= 1:
            raise InputError(f"density of {name} = {density!r}: expected a fraction above 0, up to 1")
    missing = [name for name in sizes if name not in budget]
    if missing:
        raise InputError(f"densities: none for {', '.join(missing)}; give 1 to a tensor that stays whole")
    return {name: budget[name] for name in sizes}


def erk(shapes: Shapes, sizes: dict[str, int], budget: float) -> dict[str, int]:
    """Erdos-Renyi-kernel (Evci et al. 2020, section 3; Mocanu et al. 2018 for linear layers): the number kept in each tensor.

    The density of a tensor is proportional to the sum of its dimensions over their product. A tensor that would need a
    density above 1 stays whole, and the others share the rest.
    """
    raw = {name: sum(shape) / math.prod(shape) for name, shape in shapes.items()}
    total = round(budget * sum(sizes.values()))
    exact = dict.fromkeys(sizes, 0.0)
    whole: set[str] = set()
    while len(whole) < len(sizes):
        free = total - sum(sizes[name] for name in whole)
        scale = free / sum(raw[name] * sizes[name] for name in sizes if name not in whole)
        exact = {name: sizes[name] * (1.0 if name in whole else scale * raw[name]) for name in sizes}
        over = {name for name in sizes if exact[name] > sizes[name]}
        if not over:
            break
        whole |= over
    return whole_numbers(exact, total)


def whole_numbers(exact: dict[str, float], total: int) -> dict[str, int]:
    """Whole numbers of at least 1 that sum to `total`: the largest fractions are rounded up, the largest numbers give."""
    counts = {name: max(1, math.floor(value)) for name, value in exact.items()}
    for name in sorted(exact, key=lambda name: counts[name] - exact[name])[: max(0, total - sum(counts.values()))]:
        counts[name] += 1
    while sum(counts.values()) > total:
        counts[max(counts, key=lambda name: counts[name])] -= 1
    return counts
