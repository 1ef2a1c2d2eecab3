"""What the page of one-shot transfer is made of, and how Markdown is put together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from maskbank.config import Params
from maskbank.report.contrasts import Pair, Row, contrasts, headline_rows
from maskbank.statistics.settings import transfer_rows

ROLES = ["method", "rival", "control", "reference"]
KINDS = {"heldout": "held-out", "unseen": "unseen", "foreign": "foreign"}


@dataclass(frozen=True)
class Material:
    """What the page is made of. `correlations` and `reliability` are those of the figures beside it."""

    records: pd.DataFrame
    comparisons: pd.DataFrame
    claims: Sequence[Mapping[str, Any]]
    rules: Sequence[Mapping[str, Any]]
    timings: pd.DataFrame
    correlations: pd.DataFrame
    reliability: pd.DataFrame
    params: Params
    records_hash: str

    @property
    def method(self) -> str:
        return self.params.compare.method

    @property
    def alpha(self) -> float:
        return self.params.compare.alpha

    @cached_property
    def transfer(self) -> pd.DataFrame:
        return transfer_rows(self.records)

    @cached_property
    def headlines(self) -> list[Row]:
        return headline_rows(self.comparisons)

    @cached_property
    def foreign(self) -> set[str]:
        """Data sets that no bank was made on."""
        return set(self.transfer.dataset[self.transfer.task_split == "foreign"].unique())

    @cached_property
    def contrasts(self) -> dict[Pair, list[Row]]:
        """The contrasts of all questions, on the data sets that banks were made on."""
        asked = [(left, right) for lines in questions(self).values() for _, left, right in lines]
        found = contrasts(self.records, self.headlines, asked, self.params.compare)
        return {pair: [row for row in rows if row["dataset"] not in self.foreign] for pair, rows in found.items()}


def section(title: str, *blocks: str) -> str:
    return "\n\n".join([f"## {title}", *(block for block in blocks if block)])


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; "" where there are no rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def names(values: Iterable[Any]) -> str:
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values) or "none"


def distinct(values: pd.Series) -> str:
    return names(sorted(values.unique()))


def methods_of(rows: pd.DataFrame, *roles: str) -> list[str]:
    return sorted(rows.method[rows.role.isin(roles)].unique())


def questions(given: Material) -> dict[str, list[tuple[str, str, str]]]:
    """Section title -> what is asked: in words, left, right."""
    method, reference = given.method, methods_of(given.transfer, "reference")
    return {
        "What similarity is worth": [
            ("similar neighbours against the whole bank", method, "universal"),
            ("similar neighbours against random ones", method, "random_neighbours"),
            ("similar neighbours against the farthest", method, "farthest"),
            ("the nearest single mask against the farthest neighbours", "nearest", "farthest"),
            ("several neighbours against the nearest alone", method, "nearest"),
        ],
        "What the identity of units is worth beside layer widths": [
            ("which units, at the same layer widths", method, "shuffled"),
            ("units by the bank against units by magnitude, at the same layer widths", method, "magnitude_widths"),
            ("the bank against random units", method, "random"),
        ],
        "What pretrained weights are worth": [
            ("pretrained weights against random ones, in the same architecture", method, "scratch"),
        ],
        "The ceiling": [
            ("a mask learned on the target itself against the bank", "oracle", method),
            *(("the unpruned net against the pruned", name, method) for name in reference),
        ],
    }
