"""The tables of one run, and what every study reads of them, made once."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from maskbank.config import Params
from maskbank.statistics.models import pretrained
from maskbank.statistics.sparse_arms import sparse_rows
from maskbank.statistics.transfer import SCORED, settings, transfer_rows


@dataclass(frozen=True)
class Tables:
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
    def models(self) -> pd.DataFrame:
        return pretrained(self.records, self.metrics, self.timings)

    @cached_property
    def settings(self) -> list[tuple[dict[str, str], pd.DataFrame]]:
        return settings(self.transfer[[*SCORED, "cell_key"]])

    @cached_property
    def sparse(self) -> pd.DataFrame:
        return sparse_rows(self.records, self.metrics)
