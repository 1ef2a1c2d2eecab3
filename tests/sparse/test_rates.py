"""The learning rate of every step, by hand."""

import pytest

from maskbank.errors import InputError
from maskbank.sparse.goal import Goal
from maskbank.sparse.phase import Phase, openings, spread, starts_of
from maskbank.sparse.rates import Rates


def factors(name: str) -> list[float]:
    """20 steps with a phase that opens at 12; the last 4 are the fine-tune."""
    rates = Rates(name, [0, 12, 20], 4)
    return [round(rates.factor(step), 4) for step in range(20)]


def test_constant() -> None:
    assert factors("constant") == [1.0] * 17 + [0.8536, 0.5, 0.1464]


def test_cosine_is_one_over_all_steps() -> None:
    found = factors("cosine")
    assert found[:3] == [0.5, 1.0, 1.0]
    assert found[11] == 0.5, "9 of 18 steps after the warm-up"
    assert found[2:] == sorted(found[2:], reverse=True)
    assert 0 < found[-1] < 0.01


def test_restart_begins_anew_in_each_phase() -> None:
    found = factors("restart")
    assert found[0] == 1.0
    assert found[12] == 1.0
    assert found[11] < 0.03
    assert found[19] < 0.06
    assert found[12:] == sorted(found[12:], reverse=True)


def test_the_end_has_a_rate_too() -> None:
    for name in ("restart", "cosine", "constant"):
        assert Rates(name, [0, 12, 20], 4).factor(20) == pytest.approx(0, abs=1e-9)


def test_phases_that_do_not_open_belong_to_the_one_before() -> None:
    phases = [Phase(3, []), Phase(2, [], opens=False), Phase(4, [])]
    assert starts_of(phases) == [0, 3, 5, 9]
    assert openings(phases) == [0, 5, 9]


def test_steps_are_spread_evenly() -> None:
    assert spread(10, 4, "parts") == [2, 3, 3, 2]
    with pytest.raises(InputError, match="3 are left for 4 parts"):
        spread(3, 4, "parts")


def test_the_fine_tune_is_a_fraction() -> None:
    assert Goal({}, 0.5, "uniform", 160).tune == 40
