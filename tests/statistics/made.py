"""Designs with chosen scores, for tests of boards."""

from collections.abc import Callable

import pandas as pd

from maskbank.statistics.crossed import Design, design
from maskbank.statistics.transfer import settings, transfer_rows
from tests.report import fake

Score = Callable[[str, int, int, int, float, int], float]
ROLES = {"smsp": "method", "dense": "reference", "random": "control", "shuffled": "control", "oracle": "control"}


def rows_of(
    score: Score, methods: tuple[str, ...], *, splits: int = 8, tasks: int = 1, seeds: int = 1,
    budgets: tuple[float, ...] = (0.1,), steps: tuple[int, ...] = (0, 10), **labels: object,
) -> pd.DataFrame:  # fmt: skip
    """Transfer records of one setting with accuracy score(method, split, task, seed, budget, T)."""
    rows = [
        {
            "stage": "transfer", "method": method, "role": ROLES.get(method, "rival"), "split": f"s{split}",
            "task": f"t{task}", "task_split": "heldout", "ways": 3.0, "seed": seed, "bn": "kept", "steps": step,
            "allocation": "none" if method == "dense" else "uniform", "budget_asked": budget,
            "budget_kind": "none" if method == "dense" else "units",
            "accuracy": score(method, split, task, seed, budget, step), **labels,
        }
        for method in methods for split in range(splits) for task in range(tasks) for seed in range(seeds)
        for budget in ((1.0,) if method == "dense" else budgets) for step in steps
    ]  # fmt: skip
    return fake.frame_of(rows)


def design_of(frame: pd.DataFrame, setting: int = 0) -> Design:
    return design(settings(transfer_rows(frame))[setting][1])
