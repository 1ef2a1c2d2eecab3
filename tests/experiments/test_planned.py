"""Planning before anything has run: each stage is asked once, and what only torch can tell is remembered."""

import functools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from maskbank.experiments import planned
from maskbank.experiments.planned import PlannedState, estimates, planned_cells, recalled
from maskbank.params import profile_params
from maskbank.registry import STAGES, pipeline


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Counter[str]:
    """How often each stage was asked for its plan, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    counts: Counter[str] = Counter()

    def counted(stage: str, plan: Any, *given: Any) -> Any:
        counts[stage] += 1
        return plan(*given)

    for stage in pipeline():
        if STAGES.defines(stage, "plan"):
            module = STAGES.module(stage)
            monkeypatch.setattr(module, "plan", functools.partial(counted, stage, module.plan))
    return counts


def test_each_stage_is_planned_once(asked: Counter[str]) -> None:
    cells = planned_cells(PlannedState(profile_params("smoke", [])))
    assert set(asked.values()) == {1}
    assert {"grow", "int8"} < set(cells), "cells that a stage runs beside its own"
    assert {stage for stage, planned in cells.items() if not planned} == set()


def test_a_second_plan_measures_nothing(asked: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    params = profile_params("smoke", ["sparsify.grids=[{methods: [p_gap], budgets: [0.2]}]"])
    first = PlannedState(params)
    cells = planned_cells(first)
    seconds = estimates(first, cells)
    assert all(value > 0 for value in seconds.values())
    monkeypatch.setattr("maskbank.experiments.pace.measure_pace", None)
    monkeypatch.setattr("maskbank.experiments.sparse_schedules.steps_and_rounds", None)
    again = PlannedState(params)
    assert planned_cells(again) == cells
    assert estimates(again, cells) == seconds


def test_other_code_asks_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    answers = iter([1, 2])
    for code, expected in (("a", 1), ("a", 1), ("b", 2), ("a", 1)):
        monkeypatch.setattr(planned, "code_hash", lambda code=code: code)
        assert recalled({"what": "it"}, lambda: next(answers)) == expected
