"""The page of claims, and words about what a contrast may say."""

import pytest

from maskbank.config import Params
from maskbank.hypotheses import HYPOTHESES
from maskbank.report.words import detectable, verdict
from maskbank.statistics.claims import judge_claims, ruled
from maskbank.statistics.facts import Facts
from maskbank.statistics.rules import judge_rules
from tests.report.fake_sparse import sparse
from tests.report.synthetic import judged, page_of, run_of

MEASURED = {
    "setting": "x", "unit": "seeds", "n": 8, "difference": 0.0123, "ci_low": -0.001, "ci_high": 0.0256, "p": 0.04,
    "p_used": 0.0004, "minimal_detectable_effect": 0.02, "status": "tested", "missing": "",
}  # fmt: skip
CLAIM = {
    "id": "a-b", "hypothesis": "a", "judge": "superior", "study": "compression",
    "paper": "P", "says": "It holds", "contrast": "a minus b",
    "where": "here", "reported": "+2", "verdict": "supported", "reason": "better, p 0.0004", "test": "t",
    "quantity": "difference", "detectable": 0.02,
    "measured": [MEASURED],
}  # fmt: skip
CONTRAST = {"status": "tested", "p_holm": 0.01, "difference": 0.1, "equivalent": False}


def line(claim: dict[str, object]) -> list[str]:
    """Cells of the one claim on the page."""
    none = sparse(("dense",), seeds=1)
    page = page_of("claims", run_of(none, claims=[claim]))
    (row,) = (each for each in page.splitlines() if each.startswith("| here |"))
    return row.strip("| ").split(" | ")


def test_a_line_shows_what_decides_in_points():
    assert line(CLAIM) == [
        "here", "a minus b", "+1.2", "−0.1 to +2.6", "8 seeds", "< 0.001", "2.0", "supported", "better, p 0.0004",
    ]  # fmt: skip


def test_other_quantities_are_named_and_have_no_sign():
    assert line(CLAIM | {"quantity": "share kept"})[2:4] == ["1.2 (share kept)", "−0.1 to 2.6"]


def test_what_was_not_measured_is_dashes():
    assert line(CLAIM | {"measured": []})[2:7] == ["–"] * 5


def test_every_hypothesis_of_params_has_its_section():
    params = Params()
    tables = sparse(("dense", "c_gap", "gmp"), seeds=2)
    facts = Facts(tables["records"], tables["metrics"], tables["timings"], params, "hash")
    rules = judge_rules(facts)
    claims = [
        vars(claim) | {"measured": [vars(each) for each in claim.measured]}
        for claim in judge_claims(facts, ruled(facts, rules))
    ]
    assert len({claim["id"] for claim in claims}) == len(claims)
    page = page_of("claims", run_of(tables, params, claims=claims, rules=[vars(rule) for rule in rules]))
    assert page.count("\n## ") == len(HYPOTHESES) == 12
    assert [name for name in HYPOTHESES if f"`{name}`" not in page] == []
    assert "Ma et al., ICLR 2022" in page


@pytest.mark.parametrize(
    ("needed", "text"), [(8.0, "2.0"), (9.0, "2.0 (n 9)"), (1200.0, "2.0 (n 1,200)"), (float("nan"), "2.0")]
)
def test_n_is_shown_where_more_units_are_needed(needed, text):
    assert detectable({"minimal_detectable_effect": 0.02, "units_needed": needed, "n": 8}) == text


def test_a_verdict_that_a_rule_forbids_is_withheld():
    assert verdict(judged(CONTRAST)) == "higher"
    assert verdict(judged(CONTRAST | {"withheld": "X12 X13"})) == "withheld (X12, X13)"
