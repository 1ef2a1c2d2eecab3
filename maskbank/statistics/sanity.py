"""Sanity checks: checks of a board on what is known beforehand. One that fails withdraws the board's headlines.

A/A: a method does not differ from itself. A/B: a method at a richer budget does not lose to itself. Shuffled labels: nothing
is learned from them. Each fails for cause alone: what is not shown is no failure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from maskbank.config import Compare
from maskbank.records.schema import SHUFFLED_LABELS
from maskbank.statistics.contrast import generator_for
from maskbank.statistics.crossed import REFERENCE, WHOLE, Design
from maskbank.statistics.effects import half_width
from maskbank.statistics.finding import FAIL, NOT_APPLICABLE, PASS, listed
from maskbank.statistics.holm import holm
from maskbank.statistics.paired import MIN_CLUSTERS, paired_p
from maskbank.statistics.resampling import split_means
from maskbank.statistics.transfer import BLOCK

Array = NDArray[np.float64]

SAME, RICHER, SHUFFLED = "A/A", "A/B", "shuffled labels"
MOST_FALSE = 0.06
FEWEST_SEEDS = 2
MOST_HALVINGS = 50


@dataclass(frozen=True)
class SanityCheck:
    """How one check fared: `holds` is pass, fail or not applicable, `looked_at` on what that rests."""

    name: str
    holds: str
    looked_at: str


def withdrawn(sanity_checks: Iterable[SanityCheck]) -> tuple[str, ...]:
    """Why a board's headlines are withdrawn: a line a check that fails; empty where none does.

    >>> withdrawn([SanityCheck("A/A", "pass", "..."), SanityCheck("A/B", "fail", "l2 does not win")])
    ('A/B: l2 does not win',)
    """
    return tuple(f"{check.name}: {check.looked_at}" for check in sanity_checks if check.holds == FAIL)


def sanity_checks(given: Design, shuffled: pd.DataFrame, params: Compare, label: str) -> list[SanityCheck]:
    """The three sanity checks of a board; `shuffled` has the transfer rows of its setting whose labels were shuffled."""
    return [same_against_same(given, params, label), richer_wins(given, params.alpha), at_chance(shuffled)]


def same_against_same(given: Design, params: Compare, label: str) -> SanityCheck:
    """A method against itself on disjoint seeds, for each whole method with two seeds or more: of the records, or not at all.

    It fails where more than 6 % of the tests find a difference, and one still does after Holm over all of them.
    """
    tables = {name: seed_table(given, name) for name in given.named(WHOLE)}
    tables = {name: table for name, table in tables.items() if table.shape[1] >= FEWEST_SEEDS}
    generator = generator_for(f"{label}/{SAME}", params.seed)
    splits = tuple(map(str, given.tasks.split))
    if not tables or len(set(splits)) < MIN_CLUSTERS:
        lacks = f"{len(set(splits))} splits, {len(tables)} methods with {FEWEST_SEEDS} seeds or more of every task"
        return SanityCheck(SAME, NOT_APPLICABLE, f"{lacks}: nothing is tested")
    p = np.concatenate([halving_p(table, splits, generator) for table in tables.values()])
    share, surest = float((p <= params.alpha).mean()), float(holm(p).min())
    text = (
        f"{share:.1%} of {len(p)} tests of {len(tables)} methods against themselves on disjoint seeds find a difference"
    )
    return SanityCheck(
        SAME, PASS if share <= MOST_FALSE or surest > params.alpha else FAIL, f"{text}; smallest Holm p {surest:.2g}"
    )


def seed_table(given: Design, name: str) -> Array:
    """[tasks, seeds]: a method's accuracy, points and pretraining seeds averaged; seeds that every task has."""
    own = given.scores.own(name)
    values = given.scores.values[given.scores.arms.index(name), own].mean(axis=1)
    seeds, seed = np.unique(given.scores.blocks.seed[own], return_inverse=True)
    shape = (len(given.tasks), len(seeds))
    place = given.task_index[own] * len(seeds) + seed
    count = np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.bincount(place, values, minlength=shape[0] * shape[1]).reshape(shape)
    whole = (count > 0).all(axis=0)
    return np.asarray(sums[:, whole] / count[:, whole])


def halving_p(table: Array, splits: tuple[str, ...], generator: Generator) -> Array:
    """[halvings]: p of half of the seeds of table [tasks, seeds] against the others, the same in all tasks; at most 50."""
    count = table.shape[1]
    halves = [half for half in combinations(range(count), count // 2) if 2 * len(half) < count or 0 in half]
    if len(halves) > MOST_HALVINGS:
        halves = [halves[one] for one in np.sort(generator.permutation(len(halves))[:MOST_HALVINGS])]
    gaps = []
    for half in halves:
        rest = [seed for seed in range(count) if seed not in half]
        gaps.append(table[:, list(half)].mean(axis=1) - table[:, rest].mean(axis=1))
    return paired_p(split_means(gaps, splits))


def richer_wins(given: Design, alpha: float) -> SanityCheck:
    """Each method against itself at the next richer budget: it may lose neither a step nor the mean over its steps.

    Tested by the paired t-test, with Holm over methods and over all steps. It passes where a gain is shown and no loss; where
    neither is, there was no power to tell.
    """
    found = [step for name in given.state if given.roles[name] != REFERENCE for step in budget_steps(given, name)]
    if not found or len(found[0][2]) < MIN_CLUSTERS:
        return SanityCheck(RICHER, NOT_APPLICABLE, f"no method with two budgets and {MIN_CLUSTERS} splits")
    gaps = np.stack([gap for _, _, gap in found])
    owner = np.array([name for name, _, _ in found])
    names = sorted(set(owner))
    means = np.stack([gaps[owner == name].mean(axis=0) for name in names])
    shown, step_shown = holm(paired_p(means)) <= alpha, holm(paired_p(gaps)) <= alpha
    won = shown & (means.mean(axis=1) > 0)
    lost = [name for name, loses in zip(names, shown & (means.mean(axis=1) < 0), strict=True) if loses]
    steps_lost = step_shown & (gaps.mean(axis=1) < 0)
    lost += [f"{name} {words}" for (name, words, _), loses in zip(found, steps_lost, strict=True) if loses]
    text = f"{int(won.sum())} of {len(names)} methods are shown to gain at the next richer budget, mean of {len(found)} steps "
    text += f"{100 * gaps.mean():+.2f} points" + (f"; lost: {listed(lost)}" if lost else "")
    return SanityCheck(RICHER, FAIL if lost else PASS if won.any() else NOT_APPLICABLE, text)


def budget_steps(given: Design, name: str) -> list[tuple[str, str, Array]]:
    """(method, which budgets, richer minus poorer [splits]) for each step between budgets at which no cell is missing."""
    scores = given.scores
    blocks, ran = scores.expected(name), scores.ran(name)
    own, index = scores.values[scores.arms.index(name), blocks], given.task_index[blocks]
    asked, splits = scores.points.budget_asked.to_numpy(float), tuple(map(str, given.tasks.split))
    at = {budget: asked == budget for budget in np.unique(asked[ran])}
    at = {budget: chosen for budget, chosen in at.items() if not np.isnan(own[:, chosen]).any()}
    found = []
    for poor, rich in zip(list(at), list(at)[1:], strict=False):
        gap = own[:, at[rich]].mean(axis=1) - own[:, at[poor]].mean(axis=1)
        inside = np.bincount(index, gap) / np.bincount(index)
        found.append((name, f"{rich:g} against {poor:g}", split_means(inside, splits)))
    return found


def at_chance(rows: pd.DataFrame) -> SanityCheck:
    """Accuracy on tasks whose labels were shuffled, minus 1 / ways: 0 has to lie in its t-interval over splits."""
    if rows.empty:
        return SanityCheck(SHUFFLED, NOT_APPLICABLE, f"no transfer rows of the variant {SHUFFLED_LABELS}")
    above = rows.assign(above=rows.accuracy - 1 / rows.ways).dropna(subset="above")
    splits = above.groupby(BLOCK[:2]).above.mean().groupby("split").mean().to_numpy(float)
    if len(splits) < 2:
        return SanityCheck(SHUFFLED, NOT_APPLICABLE, f"{len(splits)} splits with a score: no interval")
    mean, half = float(splits.mean()), half_width(float(splits.std(ddof=1)), len(splits))
    text = f"accuracy minus chance {100 * mean:+.2f} points, 95 % interval {100 * (mean - half):+.2f} to "
    text += f"{100 * (mean + half):+.2f}, {len(splits)} splits, methods {listed(sorted(set(above.method)))}"
    return SanityCheck(SHUFFLED, PASS if abs(mean) <= half + 1e-9 else FAIL, text)
