"""From numbers to a verdict: supported, contradicted or inconclusive."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskbank.statistics.contrast import INCOMPLETE, INSUFFICIENT, NOT_RUN
from maskbank.statistics.equivalence import not_below

SUPPORTED, CONTRADICTED, INCONCLUSIVE = "supported", "contradicted", "inconclusive"


@dataclass(frozen=True)
class Judgement:
    """`p` is that of the test behind the verdict; NaN where none was made."""

    verdict: str
    reason: str
    p: float = float("nan")


def superior(difference: float, p: float, status: str, alpha: float, unit: str = "tasks") -> Judgement:
    """Of "left is better than right": supported or contradicted by a two-sided p, else inconclusive."""
    if status == NOT_RUN:
        return Judgement(INCONCLUSIVE, "not both run")
    if status == INCOMPLETE:
        return Judgement(INCONCLUSIVE, "incomplete blocks, the test is refused")
    if status == INSUFFICIENT:
        return Judgement(INCONCLUSIVE, f"insufficient {unit}, no p-value is given")
    if p <= alpha and difference != 0:
        return (
            Judgement(SUPPORTED, f"better, p {p:.3g}", p)
            if difference > 0
            else Judgement(CONTRADICTED, f"worse, p {p:.3g}", p)
        )
    return Judgement(INCONCLUSIVE, f"no difference shown, p {p:.3g}", p)


def not_worse(differences: NDArray[np.float64], margin: float, alpha: float) -> Judgement:
    """Of "left matches or beats right": supported above -margin, contradicted below it, both by one-sided t-tests."""
    return beyond_margin(not_below(differences, -margin), not_below(-differences, margin), margin, alpha)


def beyond_margin(above: float, below: float, margin: float, alpha: float) -> Judgement:
    """The same from the one-sided p of "not below -margin" and of "below it"."""
    if above <= alpha:
        return Judgement(SUPPORTED, f"not below the margin of {margin:.1%}, one-sided p {above:.3g}", above)
    if below <= alpha:
        return Judgement(CONTRADICTED, f"below the margin of {margin:.1%}, one-sided p {below:.3g}", below)
    text = f"neither within nor below the margin of {margin:.1%} (one-sided p {above:.3g} and {below:.3g})"
    return Judgement(INCONCLUSIVE, text, above)


def agreed(each: Mapping[str, Judgement]) -> Judgement:
    """One verdict of judgements by setting: supported, or contradicted, only where all of them are (Berger 1982)."""
    verdicts = {judgement.verdict for judgement in each.values()}
    text = "; ".join(f"{words}: {judgement.reason}" if words else judgement.reason for words, judgement in each.items())
    if len(verdicts) > 1:
        return Judgement(INCONCLUSIVE, f"the settings do not agree ({text})")
    return Judgement(verdicts.pop(), text)
