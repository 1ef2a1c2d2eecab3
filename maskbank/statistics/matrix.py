"""The pairwise matrix of a board: difference, splits won, tied and lost, and adjusted p of every ordered pair."""

import pandas as pd

from maskbank.statistics.board import POINTS
from maskbank.statistics.crossed import Crossed
from maskbank.statistics.effects import tally
from maskbank.statistics.pairwise import pair_tests

COLUMNS = ["left", "right", "n", "difference", "wins", "ties", "losses", "p", "p_holm"]


def pairwise_matrix(scores: Crossed) -> pd.DataFrame:
    """One row an ordered pair of methods, with COLUMNS: left minus right in points, over splits.

    Tests and family are those of the tie groups, where `scores` holds the ranked methods of a board and no others
    (`scores.only(ranked_methods(design))`). p is NaN below 6 splits. `frame.pivot(index="left", columns="right")`
    gives each measure as a square.
    """
    tests, clusters = pair_tests(scores.methods, scores.clusters), scores.clusters
    found = []
    for at, (one, other) in enumerate(zip(tests.left, tests.right, strict=True)):
        for left, right, sign in ((one, other, 1), (other, one, -1)):
            counts = tally(clusters[left] - clusters[right])
            names = [scores.methods[left], scores.methods[right], tests.n, sign * POINTS * tests.differences[at]]
            found.append([*names, counts.wins, counts.ties, counts.losses, tests.p[at], tests.p_holm[at]])
    frame = pd.DataFrame(found, columns=COLUMNS)
    return frame.sort_values(["left", "right"], ignore_index=True)
