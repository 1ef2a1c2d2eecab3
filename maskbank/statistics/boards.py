"""The boards of a run: one a setting, so that backbone families and kinds of budget stay apart."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from maskbank.config import Compare
from maskbank.records.schema import SHUFFLED_LABELS
from maskbank.statistics.board import (
    POINTS,
    Board,
    Checked,
    Compared,
    Leaderboard,
    Normalisation,
    NormalisedScore,
    Ranked,
    Row,
    Unranked,
)
from maskbank.statistics.crossed import FEWER, GAPS, REFERENCE, TWICE, WHOLE, Crossed, Design, cross, design
from maskbank.statistics.effects import half_width
from maskbank.statistics.groups import group_letters
from maskbank.statistics.matrix import pairwise_matrix
from maskbank.statistics.normalised import ONE, Normalised, normalised_means, normalised_scores
from maskbank.statistics.paired import MIN_CLUSTERS
from maskbank.statistics.pairwise import PairTests, pair_tests
from maskbank.statistics.resampling import first_shares
from maskbank.statistics.sanity import sanity_checks, withdrawn
from maskbank.statistics.transfer import BLOCK, COSTS, DEFAULT, SCORED, SETTING, every_variant, setting_name, settings
from maskbank.statistics.views import RankView, compared_to, policy_views, rank_sets, rank_views

TESTED, FEW, NOTHING = "tested", "too few to test", "nothing to compare"
ENDS_APART = (
    ONE,
)  # sees the target's own training images as no method may: an end of the normalisation, no competitor
END_APART = "an end of the normalisation, made on the target itself"


def all_boards(records: pd.DataFrame, params: Compare) -> list[Board]:
    """A board for each setting of the transfer rows, in the order of `transfer.settings`; none where nothing was run."""
    every = every_variant(records[[*SCORED, *COSTS]])
    shuffled = every[every.variant == SHUFFLED_LABELS]
    found = []
    for setting, rows in settings(every[every.variant == DEFAULT]):
        own = (shuffled[SETTING].astype(str) == [setting[key] for key in SETTING]).all(axis=1)
        found.append(board(setting, rows, shuffled[own], params))
    return found


def leaderboard(records: pd.DataFrame, params: Compare) -> dict[str, object]:
    """All boards, ready for JSON and true to `leaderboard_schema`."""
    return leaderboard_of(records, all_boards(records, params), params)


def leaderboard_of(records: pd.DataFrame, boards: list[Board], params: Compare) -> dict[str, object]:
    made = records[["suite", "suite_version"]].drop_duplicates()
    suites = sorted(made.suite + " version " + made.suite_version)
    found = Leaderboard(suites=suites, resamples=params.resamples, seed=params.seed, boards=boards)
    return found.model_dump(mode="json")


def leaderboard_schema() -> dict[str, object]:
    """JSON Schema of `leaderboard`."""
    return Leaderboard.model_json_schema()


def ranked_methods(given: Design) -> list[str]:
    """Methods that have every cell of the setting, without the reference and the oracle."""
    return [name for name in given.named(WHOLE) if name not in ENDS_APART]


def ranked_scores(given: Design) -> Crossed:
    """Accuracies of the ranked methods, and of the reference where it has every cell; what matrix and profiles are of."""
    return cross(given, [*ranked_methods(given), *([given.reference] if given.reference else [])])


def board(setting: Mapping[str, str], rows: pd.DataFrame, shuffled: pd.DataFrame, params: Compare) -> Board:
    """The board of one setting from its rows (see `transfer.settings`) and those of its label-shuffled tasks."""
    given, name = design(rows), setting_name(setting)
    names, scores = ranked_methods(given), ranked_scores(given)
    own = scores.only(names)
    tests = pair_tests(own.methods, own.clusters)
    measured = normalised_scores(given)
    policies = policy_views(given, ENDS_APART, params, name)
    checks = sanity_checks(given, shuffled, params, f"assays/{name}")
    points, blocks = given.scores.points, given.scores.blocks
    splits = int(blocks.split.nunique())
    return Board(
        name=name,
        setting=dict(setting),
        reference=given.reference,
        splits=splits,
        tasks=len(blocks[BLOCK[:2]].drop_duplicates()),
        seeds=int(blocks.groupby(BLOCK[:2]).size().max()) if len(blocks) else 0,
        budgets=sorted(map(float, points.budget_asked.unique())),
        steps=sorted(map(int, points.steps.unique())),
        status=NOTHING if len(names) < 2 else TESTED if splits >= MIN_CLUSTERS else FEW,
        alpha=params.alpha,
        pairs=len(tests.p),
        floor=POINTS * tests.floor(params.alpha),
        rows=ordered(rows_of(given, scores, tests, costs_of(rows), measured, policies, params, name)),
        unranked=unranked(given, policies),
        pairwise=[Compared.model_validate(row) for row in pairwise_matrix(own).to_dict("records")],
        normalisation=Normalisation(
            zero=measured.zero, one=measured.one, tasks=int(measured.ends.informative.astype(bool).sum()),
            excluded=measured.excluded, reason=measured.reason,
        ),
        sanity_checks=[Checked(name=check.name, holds=check.holds, looked_at=check.looked_at) for check in checks],
        withdrawn=list(withdrawn(checks)),
        notes=notes_on(given, names, splits),
    )  # fmt: skip


def rows_of(
    given: Design, scores: Crossed, tests: PairTests, costs: Mapping[str, float], measured: Normalised,
    policies: list[RankView], params: Compare, label: str,
) -> list[Row]:  # fmt: skip
    """The ranked methods, in the order of `tests`."""
    names, count = tests.methods, len(tests.methods)
    accuracy = scores.only(names).clusters.mean(axis=1) if scores.splits else np.full(count, np.nan)
    groups = group_letters(tests, accuracy, params.alpha)
    shown = compared_to(scores, given.reference)
    views, means = rank_views(shown, params, label)
    first = first_shares(means) if len(means) else None
    pairs = tests.differing(params.alpha)
    better, worse = (np.bincount([pair[side] for pair in pairs], minlength=count) for side in (1, 0))
    low, high = rank_sets(better, worse, count)
    tested = tests.n >= MIN_CLUSTERS
    scored = {row.pop("method"): row for row in normalised_means(measured).to_dict("records")}
    found = []
    for index, name in enumerate(names):
        gaps = POINTS * shown.clusters[index] if given.reference else np.empty(0)
        half = half_width(float(gaps.std(ddof=1)), len(gaps)) if len(gaps) > 1 else np.nan
        score = float(gaps.mean()) if len(gaps) else np.nan
        found.append(Row(
            method=name, role=given.roles[name], groups=list(groups[name]), score=score, ci_low=score - half,
            ci_high=score + half, accuracy=float(accuracy[index]), first=None if first is None else float(first[index]),
            rank_low=float(low[index]) if tested else None, rank_high=float(high[index]) if tested else None,
            cost_macs=float(costs.get(name, np.nan)), normalised=normalised_of(scored.get(name)),
            ranks=ranks_of(name, [*views, *policies]),
        ))  # fmt: skip
    return found


def costs_of(rows: pd.DataFrame) -> dict[str, float]:
    """Mean MACs of training, selection and tuning by method, over all its rows in the setting; NaN where unknown."""
    cost = rows.train_macs + rows.selection_macs + rows.tuning_macs.fillna(0)
    return dict(rows.assign(cost=cost).groupby("method").cost.mean())


def ordered(rows: list[Row]) -> list[Row]:
    """Groups by their best, inside a group by cost, then name. A method of several groups stands in its first."""

    def place(row: Row) -> tuple[int, str, float, str]:
        first = row.groups[0] if row.groups else ""
        return len(first), first, np.inf if row.cost_macs is None else row.cost_macs, row.method

    return sorted(rows, key=place)


def normalised_of(row: Mapping[Hashable, Any] | None) -> NormalisedScore | None:
    if row is None:
        return None
    return NormalisedScore(score=row["normalised"], ci_low=row["low"], ci_high=row["high"], splits=int(row["n"]))


def ranks_of(name: str, views: list[RankView]) -> list[Ranked]:
    """What each view that has the method says of it."""
    own = [(view, view.methods.index(name)) for view in views if name in view.methods]
    return [Ranked(view=view.view, rank=view.rank[at], low=view.low[at], high=view.high[at]) for view, at in own]


def unranked(given: Design, policies: list[RankView]) -> list[Unranked]:
    """Methods that are listed without a rank, with what they lack."""
    found = {name: given.missing[name] for name in given.named(GAPS, TWICE, FEWER)}
    found |= {name: END_APART for name in ENDS_APART if name in given.named(WHOLE)}
    return [
        Unranked(method=name, role=given.roles[name], missing=found[name], ranks=ranks_of(name, policies))
        for name in sorted(found)
    ]


def notes_on(given: Design, names: list[str], splits: int) -> list[str]:
    """What the board cannot say, in words."""
    notes = []
    if len(names) < 2:
        notes.append(f"{len(names)} method(s) with every cell: nothing to compare")
    if splits < MIN_CLUSTERS:
        notes.append(f"{splits} split(s), {MIN_CLUSTERS} are needed: no test, so no groups and no order")
    if not given.reference:
        lacks = [f"{name}: {given.missing[name]}" for name, role in given.roles.items() if role == REFERENCE]
        notes.append(f"no reference to take differences to ({'; '.join(lacks) or 'not run'})")
    return notes
