"""What rules and claims look at: the tables, the parameters and the comparisons of one run."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from maskbank.config import Params
from maskbank.statistics.comparisons import compare
from maskbank.statistics.comparisons import headlines as only_headlines
from maskbank.statistics.nets import pretrained
from maskbank.statistics.pairing import SCORED, settings, transfer_rows
from maskbank.statistics.policies import unstable_headlines
from maskbank.statistics.sparse_arms import TASK, rate_choices, sparse_rows
from maskbank.statistics.sparse_contrasts import sparse_contrasts

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
        return settings(self.transfer[SCORED])

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

    @cached_property
    def sparse_scores(self) -> dict[tuple[str, str], str]:
        """(data set, backbone) of sparse training -> the metric of its score."""
        return dict(self._sparse_rows.groupby(TASK).metric.first().items())  # type: ignore[arg-type]

    @cached_property
    def sparse(self) -> pd.DataFrame:
        rows = self._sparse_rows
        return sparse_contrasts(rows, rate_choices(rows), self.params.compare)

    @cached_property
    def _sparse_rows(self) -> pd.DataFrame:
        return sparse_rows(self.records, self.metrics)

    @cached_property
    def unstable(self) -> dict[Hashable, list[str]]:
        return unstable_headlines(self.transfer, self.headlines, self.params.compare)


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
