"""From the numbers of a contrast to a verdict: supported, contradicted or inconclusive."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maskbank.config import Compare
from maskbank.statistics.contrast import INCOMPLETE, INSUFFICIENT, NOT_RUN, TESTED
from maskbank.statistics.equivalence import above_p, below_p
from maskbank.statistics.verdict import NOT_SHARED

SUPPORTED, CONTRADICTED, INCONCLUSIVE = "supported", "contradicted", "inconclusive"
Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Judgement:
    """`p` is that of the test behind the verdict; NaN where none was made."""

    verdict: str
    reason: str
    p: float = float("nan")


def refused(row: Row) -> Judgement:
    """Why no test was made of a contrast."""
    reasons = {
        NOT_RUN: "not both run", INCOMPLETE: "incomplete blocks, the test is refused",
        INSUFFICIENT: f"too few {row['unit']}, no p-value is given",
        NOT_SHARED: f"{NOT_SHARED}, the test is refused ({row['missing']})",
    }  # fmt: skip
    return Judgement(INCONCLUSIVE, reasons[row["status"]])


def superior(row: Row, alpha: float, p: str = "p", words: tuple[str, str] = ("better", "worse")) -> Judgement:
    """Of "the arm is better than the baseline": supported or contradicted by a two-sided p, else inconclusive."""
    if row["status"] != TESTED:
        return refused(row)
    value = float(row[p])
    if value <= alpha and row["difference"] != 0:
        better = row["difference"] > 0
        return Judgement(SUPPORTED if better else CONTRADICTED, f"{words[not better]}, p {value:.3g}", value)
    return Judgement(INCONCLUSIVE, f"no difference shown, p {value:.3g}", value)


def not_worse(row: Row, params: Compare) -> Judgement:
    """Of "the arm matches or beats the baseline": supported above -margin, contradicted below it, by one-sided t-tests."""
    if row["status"] != TESTED:
        return refused(row)
    above, below, margin = float(row["not_worse_p"]), float(row["worse_p"]), params.margin
    if above <= params.alpha:
        return Judgement(SUPPORTED, f"not below the margin of {margin:.1%}, one-sided p {above:.3g}", above)
    if below <= params.alpha:
        return Judgement(CONTRADICTED, f"below the margin of {margin:.1%}, one-sided p {below:.3g}", below)
    text = f"neither within nor below the margin of {margin:.1%} (one-sided p {above:.3g} and {below:.3g})"
    return Judgement(INCONCLUSIVE, text, above)


def one_sided(row: Row, limit: float) -> tuple[float, float]:
    """p of "not above the limit", and of "not below it": a small one says that the mean lies there. NaN without a test."""
    numbers = (row["difference"], row["sd"], row["n"], limit)
    return (above_p(*numbers), below_p(*numbers)) if row["status"] == TESTED else (math.nan, math.nan)


def agreed(each: Mapping[str, Judgement]) -> Judgement:
    """One verdict of judgements by setting: supported, or contradicted, only where all of them are (Berger 1982)."""
    verdicts = {judgement.verdict for judgement in each.values()}
    text = "; ".join(f"{words}: {judgement.reason}" if words else judgement.reason for words, judgement in each.items())
    if len(verdicts) > 1:
        return Judgement(INCONCLUSIVE, f"the settings do not agree ({text})")
    return Judgement(verdicts.pop(), text)
