"""A claim of a paper, what was measured for it, and how it fared."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from maskbank.hypotheses import Hypothesis
from maskbank.statistics.contrast import Contrast
from maskbank.statistics.effects import half_width
from maskbank.statistics.outcomes import INCONCLUSIVE, Judgement
from maskbank.statistics.power import minimal_detectable_effect

DIFFERENCE = "difference"  # of accuracies or scores, in points
SCOPE = "of our reading of the method, in this setting"
NOWHERE = "not in the records"


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
    """A hypothesis of params on one data set and net, and how it fared. `quantity` is what was measured.

    `reported` is the paper's own wording or number.
    """

    id: str
    hypothesis: str
    judge: str
    paper: str
    says: str
    contrast: str
    where: str
    reported: str
    verdict: str
    reason: str
    test: str
    measured: list[Measured] = field(default_factory=list)
    scope: str = SCOPE
    quantity: str = DIFFERENCE


def from_contrast(setting: str, contrast: Contrast, p_used: float) -> Measured:
    status = contrast.status.replace("tasks", "seeds")
    return Measured(
        setting, "seeds", contrast.n, contrast.difference, contrast.ci_low, contrast.ci_high, contrast.p, p_used,
        contrast.minimal_detectable_effect, status, contrast.missing,
    )  # fmt: skip


def described(setting: str, values: pd.Series, status: str, p: float = np.nan, missing: str = "") -> Measured:
    """Mean of values [seeds] with its t-interval; NaN among them are left out."""
    known = values.dropna().to_numpy(float)
    n = len(known)
    mean, sd = (float(known.mean()) if n else np.nan), (float(known.std(ddof=1)) if n > 1 else np.nan)
    half = half_width(sd, n)
    return Measured(
        setting, "seeds", n, mean, mean - half, mean + half, p, p, minimal_detectable_effect(sd, n), status, missing
    )


def percent(value: float) -> str:
    """A fraction as 34.4 %, or 20 %."""
    return f"{round(100 * value, 1):g} %"


def no_records(name: str) -> str:
    return f"the records hold no cells for the contrast of {name}"


def stated(name: str, declared: Hypothesis, contrast: str, test: str, quantity: str = DIFFERENCE) -> dict[str, Any]:
    """What is the same of a hypothesis wherever it is judged: fields of `Claim`."""
    same = {key: getattr(declared, key) for key in ("paper", "says", "reported", "judge")}
    return {"hypothesis": name, **same, "contrast": contrast, "test": test, "quantity": quantity}


def decided(fixed: dict[str, Any], suffix: str, where: str, judgement: Judgement, measured: list[Measured]) -> Claim:
    """A hypothesis (`stated`) at one place; `suffix` tells its id from those of other places."""
    name = f"{fixed['hypothesis']}-{suffix}"
    return Claim(name, **fixed, where=where, verdict=judgement.verdict, reason=judgement.reason, measured=measured)


def unanswered(fixed: dict[str, Any]) -> Claim:
    """The claim where no cell of its contrast is in the records."""
    name = fixed["hypothesis"]
    return Claim(name, **fixed, where=NOWHERE, verdict=INCONCLUSIVE, reason=no_records(name))
