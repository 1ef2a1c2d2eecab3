"""GaP against its rivals: allocations, rates, patterns and setups are never averaged."""

from typing import Any

import pytest

from maskbank.config import Compare
from maskbank.statistics.seeded import gap_against_dense, gap_against_pruned
from tests.report import fake

PARAMS = Compare(resamples=100)


def cell(method: str, accuracy: float, seed: int, **others: Any) -> dict[str, Any]:
    role = {"c_gap": "method", "dense": "reference"}.get(method, "rival")
    return {
        "stage": "sparsify", "recipe": "scratch", "method": method, "role": role, "pattern": "unstructured",
        "allocation": "uniform", "schedule": "constant", "budget_kind": "weights", "budget_asked": 0.1, "seed": seed,
        "accuracy": accuracy, **others,
    }  # fmt: skip


def pairs(gap: float, other: float, rival: str = "prune_from_dense", **others: Any) -> list[dict[str, Any]]:
    own = {"pattern": "none", "allocation": "none", "budget_asked": 1.0} if rival == "dense" else {}
    return [
        row
        for seed in (0, 1)
        for row in (cell("c_gap", gap, seed, **others), cell(rival, other, seed, **{**others, **own}))
    ]


def test_the_usual_arm_decides_and_others_describe() -> None:
    rows = [
        *pairs(0.70, 0.60, allocation="erk"), *pairs(0.60, 0.55, schedule="restart"), *pairs(0.50, 0.48),
        *pairs(0.99, 0.01, pattern="2:4"), *pairs(0.99, 0.01, setup="same-macs"),
    ]  # fmt: skip
    (found,) = gap_against_pruned(fake.frame_of(rows), PARAMS)
    differences = {name: contrast.difference for name, contrast in found.contrasts}
    assert list(differences) == [
        "keep 0.1, uniform, rate constant", "keep 0.1, uniform, rate restart", "keep 0.1, erk, rate constant",
    ]  # fmt: skip
    assert list(differences.values()) == pytest.approx([0.02, 0.05, 0.10])
    assert found.units.tolist() == pytest.approx([0.02, 0.02])


def test_dense_is_that_of_the_same_rate() -> None:
    rows = [
        *pairs(0.70, 0.80, "dense", budget_asked=0.2), *pairs(0.60, 0.90, "dense", budget_asked=0.2, schedule="cosine"),
    ]  # fmt: skip
    (found,) = gap_against_dense(fake.frame_of(rows), PARAMS)
    assert {name: contrast.difference for name, contrast in found.contrasts} == pytest.approx(
        {"keep 0.2, uniform, rate constant": -0.1, "keep 0.2, uniform, rate cosine": -0.3}
    )
