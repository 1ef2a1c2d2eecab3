"""Variance components by closed forms and simulation; designs that find an effect, against a search of all of them."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from maskbank.errors import InputError
from maskbank.statistics.facts import Facts
from maskbank.statistics.planning import (
    PLAN,
    Plan,
    plan_table,
    power_lines,
    splits_needed,
    tasks_and_seeds_needed,
)
from maskbank.statistics.power import detection_power, minimal_detectable_effect, pairs_needed
from maskbank.statistics.variance import (
    Components,
    Sizes,
    nested_components,
    pair_components,
    sizes_of,
)
from tests.report import fake
from tests.statistics.made import design_of, rows_of

PARTS = Components(0.0004, 0.0002, 0.0006, 0.0)


def nested(splits: int, seed: int, uneven: bool) -> tuple[np.ndarray, list[np.ndarray]]:
    """Values with deviations 2, 1.5, 1 and 0.5 of splits, tasks, seeds and points, and their labels."""
    generator, values, labels = np.random.default_rng(seed), [], []
    for split in range(splits):
        of_split = generator.normal(0, 2)
        for task in range(1 + split % 3 if uneven else 3):
            of_task = of_split + generator.normal(0, 1.5)
            for replicate in range(1 + (split + task) % 3 if uneven else 2):
                of_seed = of_task + generator.normal(0, 1)
                values += list(of_seed + generator.normal(0, 0.5, 2))
                labels += [(split, task, replicate)] * 2
    return np.array(values), list(np.array(labels).T)


def test_components_of_a_balanced_design_are_those_of_its_mean_squares():
    values, labels = nested(5, 0, False)
    table = values.reshape(5, 3, 2, 2)
    within = table.var(axis=3, ddof=1).mean()
    seeds = table.mean(axis=3).var(axis=2, ddof=1).mean() - within / 2
    tasks = table.mean(axis=(2, 3)).var(axis=1, ddof=1).mean() - table.mean(axis=3).var(axis=2, ddof=1).mean() / 2
    splits = table.mean(axis=(1, 2, 3)).var(ddof=1) - table.mean(axis=(2, 3)).var(axis=1, ddof=1).mean() / 3
    assert nested_components(values, labels)[0] == pytest.approx([splits, tasks, seeds, within])


@pytest.mark.parametrize("uneven", [False, True])
def test_components_are_found_again(uneven):
    found = np.mean([nested_components(*nested(60, seed, uneven))[0] for seed in range(40)], axis=0)
    assert found == pytest.approx([4, 2.25, 1, 0.25], rel=0.1)


def test_labels_need_not_be_unique_across_the_level_above():
    values, labels = nested(6, 1, True)
    again = [labels[0], labels[0] * 100 + labels[1], labels[0] * 1000 + labels[1] * 10 + labels[2]]
    assert nested_components(values, labels) == pytest.approx(nested_components(values, again))


def test_a_level_that_cannot_be_told_is_nan_and_the_one_above_holds_it():
    values = np.array([1.0, 2.0, 4.0, 9.0])
    found = nested_components(values, [np.arange(4), np.arange(4)])
    assert found[0, 0] == pytest.approx(values.var(ddof=1))
    assert np.isnan(found[0, 1:]).all()


def test_a_negative_component_is_0():
    assert nested_components([0.0, 2.0, 2.0, 0.0], [[0, 0, 1, 1]])[0].tolist() == [0, 2]


def test_gaps_are_refused_and_nothing_is_nan():
    with pytest.raises(InputError):
        nested_components([1.0, np.nan], [[0, 1]])
    assert np.isnan(nested_components([1.0], [[0]])).all()


def by_parts(parts: Components, seed: int = 0):
    """Differences of smsp and l2 with these components; the same at every T but for the residual."""
    generator = np.random.default_rng(seed)
    drawn: dict[tuple, float] = {}

    def effect(key: tuple, variance: float) -> float:
        return drawn.setdefault(key, generator.normal(0, np.sqrt(variance)))

    def score(method, split, task, replicate, budget, step):
        if method != "smsp":
            return 0.5 + 0.1 * step
        here = [("s", split), ("t", split, task), ("r", split, task, replicate), ("p", split, task, replicate, step)]
        shares = (parts.split, parts.task, parts.seed, parts.residual)
        return 0.5 + 0.1 * step + sum(effect(key, share) for key, share in zip(here, shares, strict=True))

    return score


def test_components_of_records():
    parts = Components(0.04, 0.02, 0.01, 0.03)
    given = design_of(rows_of(by_parts(parts), ("smsp", "l2"), splits=150, tasks=3, seeds=3, steps=(0, 1, 2)))
    (found,) = pair_components(given, [("smsp", "l2")])
    assert [found.split, found.task, found.seed, found.residual] == pytest.approx([0.04, 0.02, 0.01, 0.03], rel=0.25)
    assert sizes_of(given) == Sizes(150, 3, 3, 3)


@pytest.mark.parametrize(("tasks", "seeds"), [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_the_variance_of_a_split_adds_up_whatever_can_be_told_apart(tasks, seeds):
    parts = Components(0.04, 0.02, 0.01, 0.03)
    given = design_of(rows_of(by_parts(parts), ("smsp", "l2"), splits=300, tasks=tasks, seeds=seeds, steps=(0, 1)))
    (found,) = pair_components(given, [("smsp", "l2")])
    scores = given.scores
    gaps = (scores.values[scores.arms.index("smsp")] - scores.values[0]).mean(axis=1)
    measured = gaps.reshape(300, tasks * seeds).mean(axis=1).var(ddof=1)
    assert found.of_split(tasks, seeds, 2) == pytest.approx(measured, rel=0.02)
    assert np.isnan(found.task) == (tasks == 1)
    assert np.isnan(found.seed) == (seeds == 1)


@pytest.mark.parametrize(("effect", "alpha"), [(0.02, 0.05), (0.03, 0.05 / 45), (0.1, 0.05)])
def test_splits_needed_are_the_first_that_suffice(effect, alpha):
    sizes = Sizes(8, 2, 3)
    needed = splits_needed(effect, PARTS, sizes, alpha=alpha)
    sd = np.sqrt(PARTS.of_split(2, 3))
    assert minimal_detectable_effect(sd, needed, alpha) <= effect
    assert needed == 6 or minimal_detectable_effect(sd, needed - 1, alpha) > effect


def test_pairs_needed_is_the_first_number_for_any_ratio():
    for ratio in (0.05, 0.1, 0.3, 0.7, 1.0, 2.0, 5.0, 40.0):
        needed = pairs_needed(ratio, 1.0)
        assert detection_power(ratio * np.sqrt(needed), needed) >= 0.8
        assert needed == 3 or detection_power(ratio * np.sqrt(needed - 1), needed - 1) < 0.8
    assert pairs_needed(0.0, 1.0) == pairs_needed(1e-9, 1.0) == 100_000
    assert pairs_needed(0.1, 0.0) == 3


@pytest.mark.parametrize(
    "parts", [PARTS, Components(0.0001, 0.002, 0.0, 0.0), Components(0.0, 0.0001, 0.004, 0.001), Components(0, 0, 0, 0)]
)
def test_the_plan_is_the_cheapest_of_all(parts):
    found = tasks_and_seeds_needed(0.02, parts, Sizes(8, 1, 1, 2))
    every = [
        Plan(splits_needed(0.02, parts, Sizes(0, tasks, seeds, 2)), tasks, seeds)
        for tasks, seeds in product(range(1, 9), range(1, 9))
    ]
    assert found.cells == min(plan.cells for plan in every)


def test_what_cannot_be_told_apart_stays_as_it_is():
    found = tasks_and_seeds_needed(0.02, Components(0.001, np.nan, np.nan, 0.001), Sizes(8, 3, 2))
    assert (found.tasks, found.seeds) == (3, 2)


@pytest.mark.parametrize("effect", [0.0, -1.0, np.nan])
def test_an_effect_is_above_0(effect):
    with pytest.raises(InputError, match="above 0"):
        splits_needed(effect, PARTS, Sizes(8, 1, 1))
    with pytest.raises(InputError, match="above 0"):
        plan_table(design_of(rows_of(by_parts(PARTS), ("smsp", "l2"))), effect)


def test_the_table_has_every_pair_in_points():
    given = design_of(rows_of(by_parts(PARTS), ("smsp", "l2", "taylor", "dense"), tasks=2, seeds=2))
    frame = plan_table(given, 2.0)
    assert list(frame.columns) == PLAN
    assert len(frame) == 6
    row = frame[(frame.left == "l2") & (frame.right == "smsp")].iloc[0]
    assert row.detectable == pytest.approx(minimal_detectable_effect(row.sd, 8))
    assert row.detectable_board == pytest.approx(minimal_detectable_effect(row.sd, 8, 0.05 / 3))
    assert row.splits_needed <= row.splits_needed_board
    same = frame[(frame.left == "l2") & (frame.right == "taylor")].iloc[0]
    assert (same.sd, same.detectable, same.splits_needed) == (0, 0, 6)


def facts_of(frame: pd.DataFrame) -> Facts:
    tables = fake.tables(frame)
    return Facts(frame, tables["metrics"], tables["timings"], fake.small_params(), "hash")


def test_lines_say_what_is_found_now_and_what_is_needed():
    lines = power_lines(facts_of(fake.records(seeds=2)), 0.5)
    assert lines[0] == "to find 0.5 points with a power of 80 %, two-sided 0.05"
    text = "\n".join(lines)
    assert "fashion_mnist resnet20 uniform, reestimated BN: 8 x 2 x 2, 9 point(s)" in text
    frame = plan_table(design_of(fake.records(seeds=2), 1), 0.5)
    row = frame[(frame.left == "l2") & (frame.right == "smsp")].iloc[0]
    own = [line for line in lines if line.startswith("  smsp - l2 ")][1].split()
    assert own[3:5] == [f"{-row.difference:+.2f}", f"{row.detectable:.2f}"]
    assert str(row.splits_needed) in own
    assert max(map(len, lines)) <= 120


def test_lines_name_what_is_missing():
    frame = fake.records()
    failed = fake.fail(frame, (frame.method == "l2") & (frame.split == "s1") & (frame.stage == "transfer"))
    assert any("smsp - l2: l2: " in line and "failed" in line for line in power_lines(facts_of(failed), 0.5))
    one = frame[(frame.stage != "transfer") | (frame.split == "s0")]
    assert any("no spread to plan from" in line for line in power_lines(facts_of(one), 0.5))
    assert power_lines(facts_of(frame[frame.stage != "transfer"]), 0.5)[-1] == "no transfer records"
    alone = frame[frame.method.isin(["random", "dense"])]
    assert any(
        "were not run here" in line or "no rows" in line or "not run" in line
        for line in power_lines(facts_of(alone), 1)
    )
