"""Tie groups as letters: two methods share a letter exactly when they do not differ significantly on the board."""

from collections.abc import Collection, Iterable, Sequence
from string import ascii_lowercase

import numpy as np
from numpy.typing import ArrayLike

from maskbank.errors import InputError
from maskbank.statistics.pairwise import PairTests, pair_tests


def cliques(count: int, apart: Collection[tuple[int, int]]) -> list[tuple[int, ...]]:
    """The largest sets of the methods 0 to count - 1 of which no two differ significantly, in lexical order.

    Insert and absorb (Piepho 2004): begin with one set of all; a set that holds both of a pair that differs splits
    in two, one without each; a set inside another is absorbed. No letter is swept away afterwards, so each set is
    maximal, and the sets say the same as the list of pairs.

    >>> cliques(3, [(0, 2)])
    [(0, 1), (1, 2)]
    """
    sets = {(1 << count) - 1} if count else set()
    for first, second in sorted({(min(pair), max(pair)) for pair in apart}):
        both = 1 << first | 1 << second
        split = {mask for mask in sets if mask & both == both}
        halves = {mask & ~(1 << member) for mask in split for member in (first, second)}
        sets = (sets - split) | {
            mask for mask in halves if not any(mask & other == mask for other in (sets - split) | (halves - {mask}))
        }
    return sorted(tuple(member for member in range(count) if mask >> member & 1) for mask in sets)


def letter(index: int) -> str:
    """a to z, then aa, ab, ...

    >>> letter(0), letter(25), letter(26), letter(27)
    ('a', 'z', 'aa', 'ab')
    """
    name = ""
    while index >= 0:
        index, place = index // 26 - 1, index % 26
        name = ascii_lowercase[place] + name
    return name


def letter_order(names: Iterable[str]) -> list[str]:
    """Letters without repeats, as they were given out: z before aa.

    >>> letter_order(["aa", "b", "z", "b"])
    ['b', 'z', 'aa']
    """
    return sorted(set(names), key=lambda name: (len(name), name))


def letters(count: int, apart: Collection[tuple[int, int]]) -> list[tuple[str, ...]]:
    """[methods] given from the best on: the letters of each. Groups are lettered by their best members.

    >>> letters(3, [(0, 2)])
    [('a',), ('a', 'b'), ('b',)]
    """
    groups = cliques(count, apart)
    return [tuple(letter(index) for index, group in enumerate(groups) if one in group) for one in range(count)]


def group_letters(tests: PairTests, means: ArrayLike, alpha: float) -> dict[str, tuple[str, ...]]:
    """Letters of each method, best mean first; no letters where there was no test (fewer than 6 splits)."""
    order = [int(one) for one in np.argsort(-np.asarray(means, dtype=float), kind="stable")]
    if len(order) > 1 and np.isnan(tests.p).all():
        return {tests.methods[one]: () for one in order}
    place = {one: position for position, one in enumerate(order)}
    found = letters(len(order), [(place[better], place[worse]) for better, worse in tests.differing(alpha)])
    return {tests.methods[one]: found[position] for position, one in enumerate(order)}


def tie_groups(methods: Sequence[str], clusters: ArrayLike, alpha: float = 0.05) -> dict[str, tuple[str, ...]]:
    """Tie groups of a board from clusters [methods, splits]: mean scores of each method in each split, none missing.

    Two methods share a letter unless the paired t-test over splits, with Holm over all pairs, finds a difference
    (`maskbank.statistics.paired` says why this test). Methods come from the best mean on; inside a group that
    order says nothing. InputError on a shape that does not fit or an unknown score.

    >>> scores = [[0.90, 0.80, 0.91, 0.83, 0.92, 0.81], [0.89, 0.81, 0.90, 0.84, 0.91, 0.80], [0.5, 0.5, 0.5, 0.4, 0.5, 0.5]]
    >>> tie_groups(["smsp", "taylor", "random"], scores)
    {'smsp': ('a',), 'taylor': ('a',), 'random': ('b',)}
    """
    scores = np.asarray(clusters, dtype=float)
    if scores.ndim != 2 or len(scores) != len(methods) or np.isnan(scores).any():
        raise InputError(f"clusters of shape {scores.shape}: give {len(methods)} methods by splits, without gaps")
    return group_letters(pair_tests(tuple(methods), scores), scores.mean(axis=1), alpha)
