"""What a contrast shows, by its numbers alone, in one word."""

from collections.abc import Mapping
from typing import Any

from maskbank.statistics.contrast import INCOMPLETE, INSUFFICIENT, TESTED

HIGHER, LOWER, EQUIVALENT, NOT_SHOWN = "higher", "lower", "equivalent", "no difference shown"
MATCHES, BELOW, NEITHER = "matches or beats", "below the margin", "neither shown"
UNDERPOWERED, NOT_WHOLE = "underpowered", "incomplete, not tested"
NOT_SHARED = "no schedule in common"  # the status of arms that were tried with different learning-rate schedules
REFUSED = {INCOMPLETE: NOT_WHOLE, INSUFFICIENT: UNDERPOWERED, NOT_SHARED: f"{NOT_SHARED}, not tested"}
MARGIN = "margin"  # a question: whether the arm is not below the baseline by the margin; else: which of them is higher


def verdict(row: Mapping[Any, Any], alpha: float) -> str:
    """One of the words above, or "withheld" with the rules that forbid one."""
    if row["status"] != TESTED:
        return REFUSED.get(row["status"], row["status"])
    if row["withheld"]:
        return f"withheld ({', '.join(row['withheld'].split())})"
    if row["question"] == MARGIN:
        return MATCHES if row["not_worse_p"] <= alpha else BELOW if row["worse_p"] <= alpha else NEITHER
    if row["p_holm"] <= alpha and row["difference"] != 0:
        return HIGHER if row["difference"] > 0 else LOWER
    return EQUIVALENT if row["equivalent"] else NOT_SHOWN
