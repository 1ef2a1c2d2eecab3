"""A claim of a paper, what was measured for it, and how it fared; and how the rows of a study are read as one."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from maskbank.hypotheses import Declared
from maskbank.statistics.contrast import LOG, SHARE, TESTED
from maskbank.statistics.judges import INCONCLUSIVE, Judgement
from maskbank.statistics.power import minimal_detectable_effect
from maskbank.statistics.tables import Tables

DIFFERENCE = "difference"  # of accuracies or scores, in points
SCOPE = "of our reading of the method, in this setting"
NOWHERE = "not in the records"
Line = Mapping[Any, Any]  # a row of the table of contrasts
NAN = float("nan")


@dataclass(frozen=True)
class Measured:
    """One contrast behind a claim; `unit` is what n counts. `difference` is of accuracies, or the claim's `quantity`."""

    setting: str
    unit: str
    n: int
    difference: float
    ci_low: float
    ci_high: float
    p: float
    p_used: float
    minimal_detectable_effect: float
    status: str
    missing: str


@dataclass(frozen=True)
class Claim:
    """A hypothesis of params at one place, and how it fared. `quantity` is what was measured.

    `reported` is the paper's own wording or number. `detectable` is the true difference, in every contrast that decides, which
    all of their tests would show with a power of 80 % were they independent; None where nothing is tested against zero.
    """

    id: str
    hypothesis: str
    judge: str
    study: str
    paper: str
    says: str
    contrast: str
    where: str
    reported: str
    verdict: str
    reason: str
    test: str
    detectable: float | None = None
    measured: list[Measured] = field(default_factory=list)
    scope: str = SCOPE
    quantity: str = DIFFERENCE


def measured(row: Line, setting: str, p: float = NAN, p_used: float = NAN) -> Measured:
    """A contrast as a claim shows it; a difference of logarithms as the ratio, its detectable effect as a change from 1."""
    numbers = [float(row[name]) for name in ("difference", "ci_low", "ci_high", "minimal_detectable_effect")]
    if row["scale"] == LOG:
        numbers = [*map(float, np.exp(numbers[:3])), float(np.expm1(numbers[3]))]
    difference, low, high, detectable = numbers
    return Measured(
        setting, row["unit"], int(row["n"]), difference, low, high, p, p_used, detectable, row["status"], row["missing"]
    )


def by_model(row: Line, tables: Tables) -> str:
    return str(row["backbone"])


def where_words(row: Line, tables: Tables) -> str:
    return f"{row['dataset']}, {row['backbone']}"


def arms_words(declared: Declared, labels: Line, tables: Tables) -> str:
    return f"{' and '.join(declared.arms)} minus {' and '.join(declared.baselines) or 'others'}"


@dataclass(frozen=True)
class Reading:
    """How the contrasts of a study are read as claims.

    Rows at `level` decide. `tests` says by judge what is tested, in words. `place`: labels by which claims are apart, each
    with its `name` (the end of its id) and `where`. `weigh` judges the rows that decide; `show` gives what was measured, what
    decides first. `places` are those that a claim speaks of, whether they were run or not; else those in the rows.
    """

    level: str
    tests: Mapping[str, str]
    weigh: Callable[[Sequence[Line], Declared, Tables], Judgement]
    show: Callable[[pd.DataFrame, Declared, Tables], Iterable[Measured]]
    quantity: str = DIFFERENCE
    corrected: bool = False  # the p that decides is Holm's
    place: Sequence[str] = ("dataset", "backbone")
    name: Callable[[Line, Tables], str] = by_model
    where: Callable[[Line, Tables], str] = where_words
    contrast: Callable[[Declared, Line, Tables], str] = arms_words
    places: Callable[[pd.DataFrame, Declared, Tables], list[dict[str, Any]]] | None = None


def detectable_of(rows: Sequence[Line], alpha: float, *, corrected: bool) -> float | None:
    """The true difference that every one of these contrasts would show; of logarithms as a change from 1."""
    rows = [row for row in rows if row["status"] == TESTED and row["scale"] != SHARE]
    power = 0.8 ** (1 / max(len(rows), 1))
    found = [
        minimal_detectable_effect(row["sd"], row["n"], alpha / (row["family_size"] if corrected else 1), power)
        for row in rows
    ]
    largest = max(found, default=math.nan)
    if math.isnan(largest):
        return None
    return math.expm1(largest) if rows[0]["scale"] == LOG else largest


def percent(value: float) -> str:
    """A fraction as 34.4 %, or 20 %."""
    return f"{round(100 * value, 1):g} %"


def no_records(name: str) -> Judgement:
    return Judgement(INCONCLUSIVE, f"the records hold no cells for the contrast of {name}")
