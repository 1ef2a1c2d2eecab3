"""Sanity checks: checks of a board on what is known beforehand. One that fails withdraws the board's headlines.

A/A: a method does not differ from itself. A/B: a method at a richer budget beats itself. Shuffled labels: nothing is
learned from them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from maskbank.config import Compare
from maskbank.records.schema import SHUFFLED_LABELS
from maskbank.statistics.contrast import MIN_CLUSTERS, generator_for
from maskbank.statistics.crossed import REFERENCE, WHOLE, Design
from maskbank.statistics.effects import half_width
from maskbank.statistics.finding import FAIL, NOT_APPLICABLE, PASS, listed
from maskbank.statistics.holm import holm
from maskbank.statistics.pairwise import paired_p
from maskbank.statistics.resampling import split_means
from maskbank.statistics.transfer import BLOCK
from maskbank.statistics.variance import Components, null_clusters, pair_components, sizes_of
from maskbank.statistics.wilcoxon import exact_p

Array = NDArray[np.float64]

SAME, RICHER, SHUFFLED = "A/A", "A/B", "shuffled labels"
MOST_FALSE = 0.06
FEWEST_SEEDS = 4
MOST_HALVINGS = 50
RUNS = 10_000


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
    """A method against itself on disjoint seeds, for each whole method with 4 seeds or more; else by simulation."""
    tables = {name: seed_table(given, name) for name in given.named(WHOLE)}
    tables = {name: table for name, table in tables.items() if table.shape[1] >= FEWEST_SEEDS}
    generator = generator_for(f"{label}/{SAME}", params.seed)
    splits = tuple(map(str, given.tasks.split))
    if not tables or len(set(splits)) < MIN_CLUSTERS:
        return simulated_same(given, params.alpha, generator)
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
    values = given.scores.values[given.scores.arms.index(name)].mean(axis=1)
    seeds, seed = np.unique(given.scores.blocks.seed, return_inverse=True)
    shape = (len(given.tasks), len(seeds))
    place = given.task_index * len(seeds) + seed
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


def simulated_same(given: Design, alpha: float, generator: Generator) -> SanityCheck:
    """10,000 contrasts of equal methods with the variances of the records, tested as boards and headlines test."""
    sizes = sizes_of(given)
    pairs = list(combinations(given.named(WHOLE), 2))
    if sizes.splits < MIN_CLUSTERS or not pairs:
        return SanityCheck(
            SAME, NOT_APPLICABLE, f"{sizes.splits} splits, {len(pairs)} pairs of methods: nothing is tested"
        )
    parts = [[part.split, part.task, part.seed, part.residual] for part in pair_components(given, pairs)]
    usual = Components(*(float(value) for value in np.mean(parts, axis=0)))
    shares = false_positives(null_clusters(usual, sizes, RUNS, generator), alpha)
    text = ", ".join(f"{test} {share:.1%}" for test, share in shares.items())
    words = f"fewer than {FEWEST_SEEDS} seeds: simulated from the variances of {len(pairs)} pairs, {RUNS} contrasts"
    return SanityCheck(SAME, PASS if max(shares.values()) <= MOST_FALSE else FAIL, f"{words}; false positives {text}")


def false_positives(differences: ArrayLike, alpha: float) -> dict[str, float]:
    """Share of differences [runs, splits] that each test finds: the board's t-test and the headlines' signed-rank."""
    values = np.asarray(differences, dtype=float)
    return {
        "t": float((paired_p(values) <= alpha).mean()),
        "signed-rank": float((signed_rank_p(values) <= alpha).mean()),
    }


def signed_rank_p(values: Array) -> Array:
    """[runs, splits] without ties -> [runs]: exact p of the signed-rank test; each rank sum is worked out once."""
    n = values.shape[1]
    if not np.ptp(values):
        return np.ones(len(values))
    ranks = stats.rankdata(np.abs(values), axis=1)
    positive = np.rint((ranks * (values > 0)).sum(axis=1)).astype(int)
    smaller, index = np.unique(np.minimum(positive, n * (n + 1) // 2 - positive), return_inverse=True)
    doubled = 2 * np.arange(1, n + 1)
    return np.array([exact_p(doubled, int(2 * value)) for value in smaller])[index]


def richer_wins(given: Design, alpha: float) -> SanityCheck:
    """Each method against itself at the next richer budget: it has to win on average over its steps, and to lose none.

    Tested by the board's t-test, with Holm over methods and over all steps. One step alone need not be won: between two
    mild budgets a method may well be equal to itself.
    """
    found = [step for name in given.state if given.roles[name] != REFERENCE for step in budget_steps(given, name)]
    if not found or len(found[0][2]) < MIN_CLUSTERS:
        return SanityCheck(RICHER, NOT_APPLICABLE, f"no method with two budgets and {MIN_CLUSTERS} splits")
    gaps = np.stack([gap for _, _, gap in found])
    owner = np.array([name for name, _, _ in found])
    names = sorted(set(owner))
    means = np.stack([gaps[owner == name].mean(axis=0) for name in names])
    won = (holm(paired_p(means)) <= alpha) & (means.mean(axis=1) > 0)
    lost = (holm(paired_p(gaps)) <= alpha) & (gaps.mean(axis=1) < 0)
    never = [name for name, wins in zip(names, won, strict=True) if not wins]
    text = f"{int(won.sum())} of {len(names)} methods beat themselves at the next richer budget, mean of {len(found)} steps "
    text += f"{100 * gaps.mean():+.2f} points" + (f"; not {listed(never)}" if never else "")
    worse = [f"{name} {words}" for (name, words, _), loses in zip(found, lost, strict=True) if loses]
    return SanityCheck(RICHER, FAIL if never or worse else PASS, text + (f"; lost: {listed(worse)}" if worse else ""))


def budget_steps(given: Design, name: str) -> list[tuple[str, str, Array]]:
    """(method, which budgets, richer minus poorer [splits]) for each step between budgets at which no cell is missing."""
    scores = given.scores
    own, ran = scores.values[scores.arms.index(name)], scores.ran(name)
    asked, index, splits = (
        scores.points.budget_asked.to_numpy(float),
        given.task_index,
        tuple(map(str, given.tasks.split)),
    )
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
