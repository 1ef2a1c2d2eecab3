"""Which headlines a failing rule forbids."""

from types import SimpleNamespace

import pandas as pd
import pytest

from maskbank.config import Compare
from maskbank.errors import InputError
from maskbank.statistics.bars import barred
from maskbank.statistics.finding import FAIL, PASS, Verdict
from maskbank.statistics.settings import SETTING

ONE, OTHER = (dict.fromkeys(SETTING, "x") | {"backbone": backbone} for backbone in ("resnet20", "vit"))


def facts(rules: list[str], withdrawn: list[str]) -> SimpleNamespace:
    """Three headlines, at indices 3, 5 and 7, of which the last is unstable; the board of the first may be withdrawn."""
    return SimpleNamespace(
        params=SimpleNamespace(compare=Compare(rules=rules)),
        headlines=pd.DataFrame([ONE, OTHER, OTHER], index=[3, 5, 7]),
        boards=[SimpleNamespace(setting=ONE, withdrawn=withdrawn), SimpleNamespace(setting=OTHER, withdrawn=[])],
        unstable={7: ["without l2"]},
    )


def verdicts(**found: str) -> list[Verdict]:
    return [Verdict(name, "", verdict, "") for name, verdict in found.items()]


def test_assays_forbid_their_board_and_stability_one_headline():
    rules = verdicts(B3=PASS, X12=FAIL, X13=FAIL)
    assert barred(facts(["B3", "X12", "X13"], ["A/A fails"]), rules) == ["X12", "", "X13"]


def test_any_other_rule_forbids_all_headlines():
    rules = verdicts(B3=FAIL, X12=PASS, X13=FAIL)
    assert barred(facts(["B3", "X12", "X13"], []), rules) == ["B3", "B3", "B3 X13"]


def test_a_rule_that_is_not_needed_forbids_none():
    assert barred(facts(["B3"], []), verdicts(B3=PASS, X13=FAIL)) == ["", "", ""]


def test_a_rule_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match=r"compare\.rules = X99: no such rule; choose from B3, X13"):
        barred(facts(["X99"], []), verdicts(B3=PASS, X13=FAIL))
