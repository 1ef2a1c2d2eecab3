"""What rules and claims look at: the tables, the parameters and the comparisons of one run."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from maskbank.config import Params
from maskbank.statistics.comparisons import compare
from maskbank.statistics.comparisons import headlines as only_headlines
from maskbank.statistics.nets import pretrained
from maskbank.statistics.pairing import settings, transfer_rows

if TYPE_CHECKING:
    from maskbank.statistics.board import Board

PASS, FAIL, NOT_APPLICABLE = "pass", "fail", "not applicable"


@dataclass(frozen=True)
class Facts:
    """`records_hash` is the hash of the records file; the tables are those of `maskbank.records.schema`."""

    records: pd.DataFrame
    metrics: pd.DataFrame
    timings: pd.DataFrame
    params: Params
    records_hash: str = ""

    @cached_property
    def transfer(self) -> pd.DataFrame:
        return transfer_rows(self.records)

    @cached_property
    def nets(self) -> pd.DataFrame:
        return pretrained(self.records, self.metrics, self.timings)

    @cached_property
    def settings(self) -> list[tuple[dict[str, str], pd.DataFrame]]:
        return settings(self.transfer)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        return compare(self.records, self.params.compare)

    @cached_property
    def boards(self) -> "list[Board]":
        from maskbank.statistics.boards import all_boards  # boards are made of facts' own words

        return all_boards(self.records, self.params.compare)

    @cached_property
    def headlines(self) -> pd.DataFrame:
        return only_headlines(self.comparisons)


@dataclass(frozen=True)
class Verdict:
    """How one rule fared. `looked_at` says on what the verdict rests."""

    id: str
    title: str
    verdict: str
    looked_at: str


Finding = tuple[str, str]


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
