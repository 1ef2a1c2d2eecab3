"""The grammar of patterns, allocations and schedules: what texts mean, and one line for every one that means nothing."""

import re
from typing import Any

import pytest

from maskbank.errors import InputError
from maskbank.params import validate
from maskbank.patterns import FORMS, OF_MASKS, OF_SINGLE, Parsed, check_fit, kind_of, parse_pattern, parse_schedule
from maskbank.pruning.prune import unit_set

GOOD = {
    "unstructured": Parsed("unstructured", "unstructured"),
    "channel": Parsed("channel", "channel"),
    "2:4": Parsed("2:4", "n:m", 2, 4),
    "1:16": Parsed("1:16", "n:m", 1, 16),
    "block:4": Parsed("block:4", "block", 4),
    "units": Parsed("units", "units"),
    "units:coupled": Parsed("units:coupled", "units"),
    "units:all": Parsed("units:all", "units"),
}
BAD = [
    "",
    "rows",
    "2:",
    ":4",
    "2:4:8",
    "2 : 4",
    "-1:4",
    "block",
    "block:0",
    "block:x",
    "units:",
    "units:some",
    "channels",
    "none",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_texts_mean(text: str) -> None:
    assert parse_pattern(text, tuple(FORMS)) == GOOD[text]
    assert kind_of(text) == GOOD[text].kind


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_pattern_is_one_line_that_says_what_is(text: str) -> None:
    assert kind_of(text) == ""
    with pytest.raises(InputError) as caught:
        parse_pattern(text)
    said = f"pattern = {text!r}: expected unstructured, n:m such as 2:4, or block:b such as block:4"
    assert str(caught.value) == said


@pytest.mark.parametrize("text", ["0:4", "4:4", "8:4"])
def test_n_of_m_keeps_some_and_not_all(text: str) -> None:
    with pytest.raises(InputError, match=f"pattern {text}: expected 0 < n < m, such as 2:4"):
        parse_pattern(text)


@pytest.mark.parametrize(
    ("text", "kinds", "said"),
    [
        ("channel", OF_SINGLE, "pattern = 'channel': expected unstructured, n:m such as 2:4, or block:b such as block:4"),
        ("units", OF_MASKS, "pattern = 'units': expected unstructured, channel, n:m such as 2:4, or block:b such as block:4"),
        ("2:4", ("units",), "pattern = '2:4': expected units, units:coupled, units:all"),
    ],
)  # fmt: skip
def test_not_every_kind_goes_everywhere(text: str, kinds: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        parse_pattern(text, kinds)


def test_units_are_sets_of_units() -> None:
    found = [unit_set(text) for text in ("units", "units:coupled", "units:all")]
    assert found == ["internal", "coupled", "all"]


@pytest.mark.parametrize(
    ("text", "budget", "allocation", "said"),
    [
        ("2:4", 0.5, "global", "allocation = 'global': pattern 2:4 is the same in every tensor; use uniform"),
        ("2:4", 0.4, "uniform", "budget = 0.4: pattern 2:4 keeps 0.5 of the weights; use that"),
        ("2:4", {"a": 0.5}, "uniform", "budget = {'a': 0.5}: pattern 2:4 keeps 0.5 of the weights; use that"),
        ("channel", 0.5, "erk", "allocation = 'erk': channels are not of one size, so that a share of them is no budget of "
         "weights; with pattern channel use uniform"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_one_line(text: str, budget: object, allocation: str, said: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        check_fit(text, budget, allocation)


@pytest.mark.parametrize(
    ("text", "budget", "allocation"),
    [("2:4", 0.5, "uniform"), ("1:3", 0.333, "uniform"), ("channel", 0.2, "uniform"), ("block:4", 0.1, "erk")],
)
def test_what_goes_together_passes(text: str, budget: float, allocation: str) -> None:
    check_fit(text, budget, allocation)


def test_schedules() -> None:
    assert parse_schedule("one_shot") == ("one_shot", 1)
    assert parse_schedule("cubic:10") == ("cubic", 10)
    for text in ("", "cubic", "cubic:", "cubic:0", "cubic:x", "one_shot:2", "linear:3"):
        with pytest.raises(
            InputError, match=f"^schedule = {text!r}: expected one_shot, or iterative, cubic, exponential with"
        ):
            parse_schedule(text)


@pytest.mark.parametrize("text", BAD)
@pytest.mark.parametrize("section", ["compress", "sparsify", "transfer"])
def test_params_refuse_them_by_key(section: str, text: str) -> None:
    grid = {"methods": ["l1" if section == "compress" else "c_gap"], "pattern": text, "budgets": [0.5]}
    given: dict[str, Any] = {section: {"pattern": text} if section == "transfer" else {"grids": [grid]}}
    key = "transfer.pattern" if section == "transfer" else f"{section}.grids.0.pattern"
    with pytest.raises(InputError, match=f"^test: {re.escape(key)} = {re.escape(repr(text))}: ") as caught:
        validate(given, "test")
    assert "\n" not in str(caught.value)
