"""Positive controls: a setting in which a known order does not appear gives no verdict."""

import pandas as pd
import pytest

from maskbank.config import Compare
from maskbank.statistics.claims import judge_claims, ruled
from maskbank.statistics.contrasts import BLANK
from maskbank.statistics.facts import Facts
from maskbank.statistics.known_orders import known_orders, uninformative
from maskbank.statistics.rules import judge_rules
from maskbank.statistics.transfer import SETTING
from tests.report.fake_sparse import sparse
from tests.report.synthetic import PARAMS

METHODS = ("dense", "c_gap", "gmp", "prune_from_dense", "imp", "rigl", "static")


def facts_of(**given: object) -> Facts:
    tables = sparse(METHODS, seeds=8, budgets=(0.2, 0.1), **given)
    return Facts(tables["records"], tables["metrics"], tables["timings"], PARAMS, "hash")


def test_known_orders_that_appear_withhold_nothing():
    facts = facts_of()
    known = known_orders(facts.contrasts)
    assert set(zip(known.arm, known.baseline, known.budget_asked, strict=True)) == {
        (arm, "static", budget) for arm in ("gmp", "rigl") for budget in (0.2, 0.1)
    }
    assert set(known.verdict) == {"higher"}
    rules = judge_rules(facts)
    assert next(rule for rule in rules if rule.id == "X16").verdict == "pass"
    assert not ruled(facts, rules).withheld.str.contains("X16").any()


def test_a_random_mask_that_is_best_leaves_no_verdict():
    facts = facts_of(gains={"static": 0.2})
    rules = judge_rules(facts)
    rule = next(rule for rule in rules if rule.id == "X16")
    assert rule.verdict == "fail"
    assert "gmp - static (fashion_mnist resnet20, same-steps, uniform, keep 0.1): lower" in rule.looked_at
    table = ruled(facts, rules)
    own = table[table.study == "sparse"]
    assert set(own.verdict[own.status == "tested"]) == {"withheld (X16)"}
    claims = [claim for claim in judge_claims(facts, table) if claim.measured and claim.study == "sparse"]
    assert claims
    assert {claim.verdict for claim in claims} == {"inconclusive"}
    assert all("known orders do not appear" in claim.reason for claim in claims if "c_gap" in claim.id)


@pytest.mark.parametrize(("verdict", "silent"), [("higher", False), ("no difference shown", True), ("lower", True)])
def test_an_oracle_that_is_not_above_random_silences_its_setting(verdict, silent):
    one, other = (dict.fromkeys(SETTING, "x") | {"backbone": backbone} for backbone in ("resnet20", "vit"))
    heads = [BLANK | own | {"study": "transfer", "level": "headline", "status": "tested"} for own in (one, other)]
    control = BLANK | one | {
        "study": "controls", "level": "headline", "arm": "oracle", "baseline": "random", "status": "tested", "verdict": verdict,
    }  # fmt: skip
    point = heads[0] | {"level": "point"}
    assert uninformative(pd.DataFrame([*heads, control, point])).tolist() == [silent, False, False, False]


def test_the_rule_is_among_those_that_a_verdict_needs():
    assert "X16" in Compare().rules
