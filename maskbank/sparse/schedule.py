"""The schedule of a method for a goal, checked before any training; and the steps that make two trainings cost the same."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from maskbank.errors import InputError
from maskbank.measures.weight_cost import WeightCost
from maskbank.patterns import kind_of
from maskbank.registry import SPARSIFIERS
from maskbank.sparse.goal import Goal
from maskbank.sparse.parallel import critical_path
from maskbank.sparse.phase import Phase, training_macs


def schedule(method: str, goal: Goal, options: Mapping[str, Any]) -> list[Phase]:
    """All phases. Raises InputError for whatever does not fit: the goal, the pattern, the method's options, the steps."""
    module = SPARSIFIERS.module(method)
    goal.check()
    if kind_of(goal.pattern_name) not in module.PATTERNS:
        able = ", ".join(module.PATTERNS)
        raise InputError(f"pattern = {goal.pattern_name!r}: {method} cannot end in it; choose from {able}")
    phases: list[Phase] = module.phases(goal, **options)
    return phases


def same_macs(method: str, goal: Goal, options: Mapping[str, Any], cost: WeightCost) -> Goal:
    """The goal with as many steps as cost no more than the dense training of its own number of steps.

    Known before training, since a schedule says how much of each tensor is live when. Raises InputError for allocation
    global, where it does not.
    """
    target = 3 * cost.macs * goal.steps

    def fits(steps: int) -> bool:
        longer = replace(goal, steps=steps)
        return training_macs(schedule(method, longer, options), longer, cost) <= target

    if not fits(goal.steps):
        raise InputError(
            f"sparsify.steps = {goal.steps}: {method} costs more than the dense model at as many; no setup same-macs"
        )
    return longest(goal, fits)


def same_line(method: str, goal: Goal, options: Mapping[str, Any]) -> Goal:
    """The goal with as many steps, those of workers counted, as leave no more than its own number one after the other."""

    def fits(steps: int) -> bool:
        line = critical_path(schedule(method, replace(goal, steps=steps), options))
        return sum(phase.steps for phase in line) <= goal.steps

    return longest(goal, fits)


def longest(goal: Goal, fits: Callable[[int], bool]) -> Goal:
    """The goal with the most steps, from its own on, that fit."""
    low, high = goal.steps, 2 * goal.steps
    while fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return replace(goal, steps=low)
