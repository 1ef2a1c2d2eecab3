"""Schedules in which some weights give way to others at regular steps, at one sparsity."""

from collections.abc import Callable

from maskbank.errors import InputError
from maskbank.sparse.changes import draw
from maskbank.sparse.goal import Goal
from maskbank.sparse.phase import Change, Phase


def turns(
    goal: Goal,
    interval: int,
    end: int,
    method: str,
    drop: float,
    change: Callable[[int], Change],
    gradients: bool = False,
) -> list[Phase]:
    """Random masks, then `change(step)` after every `interval` steps that lies before `end`.

    Raises InputError where no update fits. All of it is one phase to the learning rate.
    """
    key = f"sparsify.options.{method}"
    if not 0 < drop < 1:
        raise InputError(f"{key}.drop = {drop:g}: expected a fraction above 0 and below 1")
    if not 1 <= interval < end:
        raise InputError(f"{key}.interval = {interval}: expected 1 or more steps and fewer than {end}; use more steps")
    live, updates = goal.live(goal.budget), list(range(interval, end, interval))
    lengths = [interval] * len(updates) + [goal.steps - updates[-1]]
    changes = [draw(live), *map(change, updates)]
    return [
        Phase(length, live, begin, opens=place == 0, gradients=gradients and place < len(updates))
        for place, (length, begin) in enumerate(zip(lengths, changes, strict=True))
    ]
