"""Which headlines a failing rule forbids."""

from types import SimpleNamespace

import pandas as pd
import pytest

from maskbank.config import Compare
from maskbank.errors import InputError
from maskbank.statistics.claims import ruled
from maskbank.statistics.contrasts import BLANK
from maskbank.statistics.finding import FAIL, PASS, Verdict
from maskbank.statistics.transfer import SETTING

ONE, OTHER = (dict.fromkeys(SETTING, "x") | {"backbone": backbone} for backbone in ("resnet20", "vit"))
FOUND = {"status": "tested", "difference": 0.1, "p_holm": 0.01}


def facts(rules: list[str], withdrawn: list[str]) -> SimpleNamespace:
    """Three headlines among other rows, of which the last is unstable; the board of the first may be withdrawn."""
    heads = [BLANK | FOUND | own | {"study": "transfer", "level": "headline"} for own in (ONE, OTHER, OTHER)]
    others = [BLANK | FOUND | ONE | {"study": "transfer", "level": "point"}, BLANK | FOUND | {"study": "sparse"}]
    return SimpleNamespace(
        params=SimpleNamespace(compare=Compare(rules=rules)),
        contrasts=pd.DataFrame([heads[0], others[0], *heads[1:], others[1]]),
        headlines=pd.DataFrame(heads, index=[3, 5, 7]),
        boards=[SimpleNamespace(setting=ONE, withdrawn=withdrawn), SimpleNamespace(setting=OTHER, withdrawn=[])],
        unstable={7: ["without l2"]},
    )


def verdicts(**found: str) -> list[Verdict]:
    return [Verdict(name, "", verdict, "") for name, verdict in found.items()]


def withheld(facts: SimpleNamespace, rules: list[Verdict]) -> list[str]:
    table = ruled(facts, rules)
    assert table.withheld.iloc[[1, 4]].tolist() == ["", ""], "only headlines are withheld"
    assert table.verdict.iloc[[1, 4]].tolist() == ["higher", "higher"]
    own = table.iloc[[0, 2, 3]]
    assert own.verdict.str.startswith("withheld").tolist() == [bool(ids) for ids in own.withheld]
    return own.withheld.tolist()


def test_sanity_checks_forbid_their_board_and_stability_one_headline():
    rules = verdicts(B3=PASS, X12=FAIL, X13=FAIL)
    assert withheld(facts(["B3", "X12", "X13"], ["A/A fails"]), rules) == ["X12", "", "X13"]


def test_any_other_rule_forbids_all_headlines():
    rules = verdicts(B3=FAIL, X12=PASS, X13=FAIL)
    assert withheld(facts(["B3", "X12", "X13"], []), rules) == ["B3", "B3", "B3 X13"]


def test_a_rule_that_is_not_needed_forbids_none():
    assert withheld(facts(["B3"], []), verdicts(B3=PASS, X13=FAIL)) == ["", "", ""]


def test_a_rule_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match=r"compare\.rules = X99: no such rule; choose from B3, X13"):
        ruled(facts(["X99"], []), verdicts(B3=PASS, X13=FAIL))
