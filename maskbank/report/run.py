"""What a report reads: the tables of a run, what the stage compare made of them, and each table derived from these once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from maskbank.config import Params
from maskbank.files import hash_file, read_json
from maskbank.records.load import read_table
from maskbank.report.aggregate import structured_means, transfer_means
from maskbank.report.boards import Ranked, board_rows, ranked
from maskbank.report.reliability import reliability_means
from maskbank.report.studies import Pretraining, Sparse, pretraining, sparse_training
from maskbank.report.traces import cell_rows
from maskbank.statistics.board import Board, Leaderboard
from maskbank.statistics.comparisons import comparison_rows
from maskbank.statistics.contrasts import read_contrasts, view
from maskbank.statistics.correlation import correlations, relation_table
from maskbank.statistics.costs import cost_means, cost_rows
from maskbank.statistics.transfer import POINT, SETTING


@dataclass(frozen=True)
class Run:
    """Tables of a run as its files hold them; what is derived from them is made when first asked for, and kept."""

    params: Params
    records: pd.DataFrame
    metrics: pd.DataFrame
    timings: pd.DataFrame
    curves: pd.DataFrame
    contrasts: pd.DataFrame
    boards: Sequence[Board]
    claims: list[dict[str, Any]]
    rules: list[dict[str, Any]]
    records_hash: str

    @property
    def alpha(self) -> float:
        return self.params.compare.alpha

    @property
    def margin(self) -> float:
        return self.params.compare.margin

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        return comparison_rows(self.contrasts)

    @cached_property
    def transfer(self) -> pd.DataFrame:
        return transfer_means(self.records)

    @cached_property
    def structured(self) -> pd.DataFrame:
        return structured_means(self.records, self.metrics)

    @cached_property
    def board_rows(self) -> pd.DataFrame:
        return board_rows(self.boards)

    @cached_property
    def costs(self) -> pd.DataFrame:
        return cost_rows(self.records, self.timings)

    @cached_property
    def cost_curves(self) -> pd.DataFrame:
        """`transfer` with mean costs."""
        keys = [*SETTING, *POINT, "method"]
        return self.transfer.merge(cost_means(self.costs), on=keys, how="left", validate="one_to_one")

    @cached_property
    def ablations(self) -> pd.DataFrame:
        return view(self.contrasts, "ablation")

    @cached_property
    def relations(self) -> pd.DataFrame:
        return relation_table(self.records, self.metrics)

    @cached_property
    def correlations(self) -> pd.DataFrame:
        return correlations(self.relations, self.params.compare)

    @cached_property
    def reliability(self) -> pd.DataFrame:
        return reliability_means(self.records, self.metrics, self.timings, self.relations)

    @cached_property
    def ranked(self) -> list[Ranked]:
        return ranked(self.records)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Rows of transfer under the settings that they are compared in, by which numbers name their cells."""
        return cell_rows(self.records)

    @cached_property
    def pretraining(self) -> Pretraining:
        return pretraining(self.records, self.metrics, self.timings, self.contrasts, self.params.compare)

    @cached_property
    def sparse(self) -> Sparse:
        return sparse_training(self.records, self.metrics, self.timings, self.curves, self.contrasts)


def read_run(params: Params, folder: Path) -> Run:
    """The run whose tables and contrasts lie in a folder."""
    return Run(
        params=params,
        **{name: read_table(name, folder) for name in ("records", "metrics", "timings", "curves")},
        contrasts=read_contrasts(folder),
        boards=Leaderboard.model_validate(read_json(folder / "leaderboard.json")).boards,
        claims=read_json(folder / "claims.json"),
        rules=read_json(folder / "rules.json"),
        records_hash=hash_file(folder / "records.parquet"),
    )
