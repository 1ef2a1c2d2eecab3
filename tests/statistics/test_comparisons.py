"""Comparisons, rules and claims over made-up records."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from maskbank.config import Compare
from maskbank.records.schema import NONE
from maskbank.statistics.claim import Claim
from maskbank.statistics.claims import judge_claims, ruled
from maskbank.statistics.comparisons import COLUMNS, headlines
from maskbank.statistics.contrast import measure
from maskbank.statistics.facts import Facts
from maskbank.statistics.finding import FAIL, NOT_APPLICABLE, PASS
from maskbank.statistics.judges import CONTRADICTED, INCONCLUSIVE, SUPPORTED, not_worse, superior
from maskbank.statistics.rules import RULES, judge_rules
from maskbank.statistics.rules_protocol import x15_leaks
from maskbank.statistics.rules_setting import b1_pairs
from maskbank.statistics.scores import Pairs, pair, tabulate
from maskbank.statistics.summary import summarise
from maskbank.statistics.transfer import settings, transfer_rows
from tests.report import fake
from tests.statistics.contrasted import compared


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    return fake.records()


@pytest.fixture(scope="module")
def facts(records) -> Facts:
    return facts_of(records)


def facts_of(records: pd.DataFrame) -> Facts:
    tables = fake.tables(records)
    return Facts(records, tables["metrics"], tables["timings"], fake.small_params(), "hash")


def claims_of(facts: Facts) -> list[Claim]:
    return judge_claims(facts, ruled(facts, judge_rules(facts)))


def one_cell(records: pd.DataFrame, method: str) -> pd.Series:
    same = (records.stage == "transfer") & (records.method == method) & (records.split == "s1") & (records.task == "t0")
    return same & (records.budget_asked == 0.1) & (records.steps == 10) & (records.allocation == "uniform")


def test_the_reference_is_repeated_at_every_budget(records):
    _, rows = settings(transfer_rows(records))[1]
    assert sorted(rows[rows.method == "dense"].budget_asked.unique()) == [0.1, 0.2, 0.5]


def test_headline_is_the_mean_of_its_points(facts):
    rows = facts.comparisons
    rows = rows[(rows.allocation == "uniform") & (rows.rival == "l2")]
    assert headlines(rows).difference.item() == pytest.approx(rows[rows.kind == "point"].difference.mean())


def test_headline_by_hand(records):
    rows = records[(records.stage == "transfer") & (records.allocation == "uniform")]
    means = rows.groupby(["method", "split", "task"]).accuracy.mean().groupby(["method", "split"]).mean()
    expected = (means["smsp"] - means["l2"]).mean()
    found = headlines(compared(records, fake.small_params().compare))
    assert found[(found.allocation == "uniform") & (found.rival == "l2")].difference.item() == pytest.approx(expected)


def test_families_are_the_rivals_of_one_setting(facts):
    sizes = facts.comparisons.groupby("family").size()
    assert (sizes == 5).all()
    assert facts.headlines.family.nunique() == 2


def test_comparisons_do_not_depend_on_the_order_of_records(records, facts):
    shuffled = compared(records.sample(frac=1, random_state=0), fake.small_params().compare)
    pd.testing.assert_frame_equal(shuffled, facts.comparisons)


def test_a_failed_cell_refuses_its_contrast_and_no_other(records):
    frame = compared(fake.fail(records, one_cell(records, "l2")), fake.small_params().compare)
    status = headlines(frame).set_index(["allocation", "rival"]).status
    assert status["uniform", "l2"] == "incomplete"
    assert (status.drop(("uniform", "l2")) == "tested").all()
    missing = headlines(frame).set_index(["allocation", "rival"]).missing["uniform", "l2"]
    assert "s1/t0" in missing
    assert "failed" in missing


def test_a_cell_without_any_row_is_missing_too(records):
    rows = settings(transfer_rows(records[~one_cell(records, "l2")]))[1][1]
    assert "no row" in pair(tabulate(rows), "smsp", "l2").missing[0]
    assert pair(tabulate(rows), "smsp", "taylor").missing == ()


def test_a_point_that_occurs_twice_is_refused(records):
    doubled = pd.concat([records, records[one_cell(records, "l2")]])
    assert "occur twice" in pair(tabulate(settings(transfer_rows(doubled))[1][1]), "smsp", "l2").missing[0]


def test_two_splits_give_no_p():
    frame = compared(fake.records(2), fake.small_params().compare)
    assert (frame.status == "too few to test").all()
    assert frame[["p", "p_holm", "equivalence_p"]].isna().all(axis=None)


def test_nothing_to_compare_is_an_empty_frame_with_columns(records):
    frame = compared(records[records.stage == "pretrain"], fake.small_params().compare)
    assert frame.empty
    assert list(frame.columns) == COLUMNS


def test_every_rule_is_judged_once_with_its_reason(facts):
    judged = judge_rules(facts)
    assert [rule.id for rule in judged] == [name for name, _, _ in RULES]
    assert len({rule.id for rule in judged}) == 28
    assert all(rule.verdict in (PASS, FAIL, NOT_APPLICABLE) and rule.looked_at for rule in judged)


def test_toy_sets_do_not_count(facts, records):
    assert b1_pairs(facts)[0] == FAIL
    names = np.array(["cifar100", "svhn", "cub"])[np.arange(len(records)) % 3]
    assert b1_pairs(facts_of(records.assign(dataset=names)))[0] == PASS


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("B3", lambda frame: frame[~((frame.method == "dense") & (frame.split == "s0"))]),
        ("B6", lambda frame: frame.assign(dense_hash=frame.dense_hash.mask(frame.method == "l2", "other"))),
        ("W1", lambda frame: frame.assign(setup=frame.setup.mask(frame.method == "l2", "same cost"))),
        ("X2", lambda frame: frame.assign(status=frame.status.mask(frame.method == "l2", "failed"))),
        ("X10", lambda frame: frame.assign(suite_version=frame.suite_version.mask(frame.method == "l2", "2"))),
        ("X15", lambda frame: frame.assign(leak="none")),
    ],
)
def test_a_rule_that_passes_fails_once_it_is_broken(records, rule, change):
    small = records[(records.stage != "transfer") | (records.steps == 10)]
    function = next(function for name, _, function in RULES if name == rule)
    assert function(facts_of(small))[0] == PASS
    assert function(facts_of(change(small).reset_index(drop=True)))[0] == FAIL


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("B6", lambda frame: frame.assign(dense_hash=NONE, splits_hash=NONE)),
        ("B7", lambda frame: frame[(frame.method != "smsp") & frame.allocation.isin([NONE, "global_macs"])]),
        ("X4", lambda frame: frame[frame.method.isin(["smsp", "nobody"])]),
    ],
)
def test_a_rule_says_not_applicable_on_nothing(records, rule, change):
    function = next(function for name, _, function in RULES if name == rule)
    verdict, looked_at = function(facts_of(change(records).reset_index(drop=True)))
    assert (verdict, bool(looked_at)) == (NOT_APPLICABLE, True)


def test_claims_hold_only_under_both_allocations(records):
    def l2_claim(frame: pd.DataFrame) -> str:
        return next(claim for claim in claims_of(facts_of(frame)) if claim.id == "smsp-resnet20-l2").verdict

    records = records[(records.stage != "transfer") | (records.steps == 10)]
    assert l2_claim(records) == SUPPORTED
    one = records.allocation == "uniform"
    beaten = one & (records.method == "l2")
    assert l2_claim(records.assign(accuracy=records.accuracy + 0.2 * beaten)) == INCONCLUSIVE
    assert l2_claim(records.assign(accuracy=records.accuracy + 0.2 * (records.method == "l2"))) == CONTRADICTED
    assert l2_claim(records[~one].reset_index(drop=True)) == INCONCLUSIVE


def test_a_rival_below_random_units_carries_no_claim(records):
    records = records[(records.stage != "transfer") | (records.steps == 10)]
    raised = records.assign(accuracy=records.accuracy + 0.15 * (records.method == "random"))
    found = {claim.id: claim for claim in claims_of(facts_of(raised))}
    assert found["smsp-resnet20-l2"].verdict == INCONCLUSIVE
    assert found["smsp-resnet20-l2"].reason.startswith("the rival lies below random units, and carries no claim (")


def test_tasks_of_unseen_classes_may_leak_nothing(records):
    unseen = records.assign(task_split=records.task_split.replace("heldout", "unseen"), leak="none")
    assert x15_leaks(facts_of(unseen))[0] == PASS


def test_a_claim_is_refused_while_a_rule_that_it_needs_fails(records):
    own = facts_of(records.assign(leak="none"))
    claim = next(claim for claim in claims_of(own) if claim.id == "smsp-resnet20-l2")
    assert claim.verdict == INCONCLUSIVE
    assert "X15" in claim.reason


def test_few_seeds_leave_their_claims_inconclusive(facts):
    claims = [claim for claim in claims_of(facts) if claim.id.startswith(("snt-", "gap-"))]
    assert {claim.verdict for claim in claims} == {INCONCLUSIVE}


def test_verdicts():
    def given(difference: float, p: float, status: str = "tested") -> dict[str, object]:
        return {"difference": difference, "p": p, "status": status, "unit": "splits", "missing": ""}

    def matched(gaps: np.ndarray) -> str:
        pairs = Pairs(gaps[:, None], np.zeros((len(gaps), 1)), tuple("abcdefgh"))
        return not_worse(asdict(measure(pairs, Compare())), Compare()).verdict

    assert superior(given(0.1, 0.01), 0.05).verdict == SUPPORTED
    assert superior(given(-0.1, 0.01), 0.05).verdict == CONTRADICTED
    assert superior(given(0.1, 0.06), 0.05).verdict == INCONCLUSIVE
    assert superior(given(0.1, 0.01, "incomplete"), 0.05).verdict == INCONCLUSIVE
    spread = np.linspace(-0.001, 0.001, 8)
    assert matched(spread) == SUPPORTED
    assert matched(spread - 0.02) == CONTRADICTED
    assert matched(spread * 50) == INCONCLUSIVE


def test_summary_is_flat_and_counts_add_up(facts):
    rules = judge_rules(facts)
    table = ruled(facts, rules)
    summary = summarise(facts, table, rules, judge_claims(facts, table))
    assert all(isinstance(value, int | float | str) for value in summary.values())
    assert sum(summary[f"cells_{status}"] for status in ("ok", "collapsed", "diverged", "failed", "timeout")) == len(
        facts.records
    )
