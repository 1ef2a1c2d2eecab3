"""How a rule or a sanity check fared, in one word and with what that rests on."""

from collections.abc import Iterable
from dataclasses import dataclass

PASS, FAIL, NOT_APPLICABLE = "pass", "fail", "not applicable"
Finding = tuple[str, str]


@dataclass(frozen=True)
class Verdict:
    """How one rule fared. `looked_at` says on what the verdict rests."""

    id: str
    title: str
    verdict: str
    looked_at: str


def passed(text: str) -> Finding:
    return PASS, text


def failed(text: str) -> Finding:
    return FAIL, text


def not_applicable(text: str) -> Finding:
    return NOT_APPLICABLE, text


def judged(holds: bool, text: str) -> Finding:
    return (PASS if holds else FAIL), text


def listed(values: Iterable[object], most: int = 8) -> str:
    """Names in one line, at most `most` of them."""
    names = [str(value) for value in values]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") or "none"
