"""Planning: the splits, tasks and seeds that a difference of a given size needs, from the variances in the records."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from maskbank.errors import InputError
from maskbank.statistics.crossed import WHOLE, Design, cross, design
from maskbank.statistics.facts import Facts
from maskbank.statistics.paired import MIN_CLUSTERS
from maskbank.statistics.power import minimal_detectable_effect, pairs_needed
from maskbank.statistics.transfer import setting_name
from maskbank.statistics.variance import Components, Sizes, pair_components, sizes_of

POINTS = 100  # of a board: 0.01 accuracy is 1 point
MOST_TASKS, MOST_SEEDS, MOST_SPLITS = 8, 8, 100_000
PLAN = [
    "left", "right", "splits", "tasks", "seeds", "difference", "sd", "sd_split", "sd_task", "sd_seed", "sd_residual",
    "detectable", "detectable_board", "splits_needed", "splits_needed_board", "plan_splits", "plan_tasks", "plan_seeds",
]  # fmt: skip

TITLES = ("", "measured", "found now", "(board)", "splits", "(board)", "fewest cells", "sd split", "task", "seed")
WIDTHS = "  {:26}" + "{:>10}" * 5 + "{:>18}" + "{:>10}" + "{:>7}" * 2
HEAD = (
    "designs are splits x tasks a split x seeds a task; differences and deviations (sd) are in points",
    "found now: smallest difference that the present splits find; splits: needed for the effect, as are the fewest cells",
    "(board): after Holm over all pairs of the board; -: not to be told from the level above, and left as it is",
)


@dataclass(frozen=True)
class Plan:
    """What finds an effect: splits, tasks a split, seeds a task. `splits` is 100,000 where that many do not suffice."""

    splits: int
    tasks: int
    seeds: int

    @property
    def cells(self) -> int:
        return self.splits * self.tasks * self.seeds


def splits_needed(
    effect: float, components: Components, sizes: Sizes, *, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Splits that find a mean difference `effect`, with the tasks, seeds and points of `sizes`; at least 6 (rule X4)."""
    if not effect > 0:
        raise InputError(f"effect {effect:g}: give a difference above 0")
    variance = components.of_split(sizes.tasks, sizes.seeds, sizes.points)
    found = pairs_needed(effect, float(np.sqrt(variance)), alpha, power, MOST_SPLITS) if variance > 0 else 0
    return max(MIN_CLUSTERS, found)


def tasks_and_seeds_needed(
    effect: float, components: Components, present: Sizes, *, alpha: float = 0.05, power: float = 0.8
) -> Plan:
    """The design with the fewest cells that finds `effect` (in the unit of the components, two-sided `alpha`, `power`).

    Tasks a split and seeds a task up to 8 are tried, splits as many as it takes. A level whose variance the records
    cannot tell from the one above stays as it is at present. InputError where the effect is not above 0.

    >>> tasks_and_seeds_needed(0.02, Components(0.0004, 0.0004, 0.0001, 0.0), Sizes(8, 1, 1))
    Plan(splits=20, tasks=1, seeds=1)
    """
    tasks = range(1, MOST_TASKS + 1) if np.isfinite(components.task) else [present.tasks]
    seeds = range(1, MOST_SEEDS + 1) if np.isfinite(components.seed) else [present.seeds]
    sizes = [Sizes(0, task, seed, present.points) for task in tasks for seed in seeds]
    sizes.sort(key=lambda one: (rough_splits(effect, components, one, alpha, power) * one.tasks * one.seeds, one.tasks))
    plans = [
        Plan(splits_needed(effect, components, one, alpha=alpha, power=power), one.tasks, one.seeds)
        for one in sizes[:3]
    ]
    return min(plans, key=lambda plan: (plan.cells, plan.splits))


def rough_splits(effect: float, components: Components, sizes: Sizes, alpha: float, power: float) -> float:
    """Splits by the normal distribution, and half of the squared critical value more for Student's t."""
    critical, rest = stats.norm.isf(alpha / 2), stats.norm.ppf(power)
    ratio = components.of_split(sizes.tasks, sizes.seeds, sizes.points) / effect**2 if effect > 0 else np.inf
    return max(MIN_CLUSTERS, float((critical + rest) ** 2 * ratio + critical**2 / 2))


def plan_table(
    given: Design, effect: float, *, alpha: float = 0.05, power: float = 0.8, pairs: Sequence[tuple[str, str]] = ()
) -> pd.DataFrame:
    """One row a pair of whole methods of a setting, with PLAN; differences, deviations and effects in points.

    `sd` is that of the split means as measured, sd_split to sd_residual the roots of its components. `detectable` is the
    smallest difference that the present splits find, `detectable_board` the same after Holm over all pairs of the board;
    so are the splits needed for `effect` with the present tasks and seeds. The plan (fewest cells) is for a pair alone.
    All pairs unless `pairs` are given. No row with fewer than two splits: there is no spread to plan from.
    """
    if not effect > 0:
        raise InputError(f"effect {effect:g}: give a difference in points, above 0")
    names = [name for name, state in given.state.items() if state == WHOLE]
    every = list(combinations(names, 2))
    chosen = [pair for pair in (pairs or every) if set(pair) <= set(names)]
    sizes, board = sizes_of(given), max(1, len(list(combinations(given.named(WHOLE), 2))))
    if sizes.splits < 2 or not chosen:
        return pd.DataFrame(columns=PLAN)
    clusters = dict(zip(names, cross(given, names).clusters, strict=True))
    found = []
    for (left, right), parts in zip(chosen, pair_components(given, chosen), strict=True):
        gaps = clusters[left] - clusters[right]
        sd = float(gaps.std(ddof=1))
        plan = tasks_and_seeds_needed(effect / POINTS, parts, sizes, alpha=alpha, power=power)
        needed = [
            splits_needed(effect / POINTS, parts, sizes, alpha=level, power=power) for level in (alpha, alpha / board)
        ]
        detectable = [minimal_detectable_effect(sd, sizes.splits, level, power) for level in (alpha, alpha / board)]
        deviations = np.sqrt([parts.split, parts.task, parts.seed, parts.residual])
        inside = [float(gaps.mean()), sd, *deviations, *detectable]
        found.append([left, right, sizes.splits, sizes.tasks, sizes.seeds, *(POINTS * value for value in inside),
                      *needed, plan.splits, plan.tasks, plan.seeds])  # fmt: skip
    return pd.DataFrame(found, columns=PLAN)


def power_lines(facts: Facts, effect: float) -> list[str]:
    """Lines for a terminal: what the splits of each setting can find, and what `effect` (in points) needs.

    A line a rival of the compared method, if both have every cell; else what is missing. InputError where effect <= 0.
    """
    params = facts.params.compare
    lines = [f"to find {effect:g} points with a power of 80 %, two-sided {params.alpha:g}", *HEAD]
    for setting, rows in facts.settings:
        given = design(rows)
        sizes = sizes_of(given)
        pairs = [(params.method, rival) for rival in params.against if rival in given.state]
        table = plan_table(given, effect, alpha=params.alpha, pairs=pairs) if pairs else pd.DataFrame(columns=PLAN)
        lines += [
            "",
            f"{setting_name(setting)}: {sizes.splits} x {sizes.tasks} x {sizes.seeds}, {sizes.points} point(s)",
        ]
        lines += [WIDTHS.format(*TITLES)] if len(table) else []
        lines += [plan_words(row) for row in table.to_dict("records")]
        lines += [
            f"  {params.method} - {rival}: {refused(given, (params.method, rival), sizes)}"
            for _, rival in pairs
            if rival not in set(table.right)
        ]
        if not pairs:
            lines.append(f"  none of {params.method}'s rivals was run here")
    return lines if facts.settings else [*lines, "", "no transfer records"]


def plan_words(row: Mapping[Hashable, Any]) -> str:
    """One pair in a line of a terminal."""
    return WIDTHS.format(
        f"{row['left']} - {row['right']}", f"{row['difference']:+.2f}",
        f"{row['detectable']:.2f}", f"{row['detectable_board']:.2f}",
        counted(row["splits_needed"]), counted(row["splits_needed_board"]),
        f"{counted(row['plan_splits'])} x {row['plan_tasks']} x {row['plan_seeds']}",
        *(f"{row[f'sd_{name}']:.2f}" if np.isfinite(row[f"sd_{name}"]) else "-" for name in ("split", "task", "seed")),
    )  # fmt: skip


def counted(splits: int) -> str:
    return f"over {MOST_SPLITS}" if splits >= MOST_SPLITS else str(splits)


def refused(given: Design, pair: tuple[str, str], sizes: Sizes) -> str:
    """Why a pair has no plan."""
    if sizes.splits < 2:
        return "fewer than two splits: no spread to plan from"
    lacks = [f"{name}: {given.missing[name]}" for name in pair if given.missing.get(name)]
    return "; ".join(lacks) or "not run in this setting"
