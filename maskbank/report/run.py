"""What a report reads: the tables of a run, what the stage compare made of them, and each table derived from these once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from maskbank.config import Params
from maskbank.errors import InputError
from maskbank.files import hash_file, read_json
from maskbank.records.load import read_table
from maskbank.report.reliability import reliability_means
from maskbank.report.studies import Pretraining, Sparse, pretraining, sparse_training
from maskbank.statistics.board import Board, Leaderboard
from maskbank.statistics.correlation import correlations, relation_table

TEXTS = ["shots", "budgets", "steps_averaged", "missing", "barred"]  # that may look like numbers, or be empty


@dataclass(frozen=True)
class Run:
    """Tables of a run as its files hold them; what is derived from them is made when first asked for, and kept."""

    params: Params
    records: pd.DataFrame
    metrics: pd.DataFrame
    timings: pd.DataFrame
    curves: pd.DataFrame
    comparisons: pd.DataFrame
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
    def relations(self) -> pd.DataFrame:
        return relation_table(self.records, self.metrics)

    @cached_property
    def correlations(self) -> pd.DataFrame:
        return correlations(self.relations, self.params.compare)

    @cached_property
    def reliability(self) -> pd.DataFrame:
        return reliability_means(self.records, self.metrics, self.timings, self.relations)

    @cached_property
    def pretraining(self) -> Pretraining:
        return pretraining(self.records, self.metrics, self.timings, self.params.compare)

    @cached_property
    def sparse(self) -> Sparse:
        return sparse_training(self.records, self.metrics, self.timings, self.curves, self.params.compare)


def read_comparisons(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run the stage that writes it (`dvc repro`)") from None
    return frame.fillna(dict.fromkeys(TEXTS, ""))


def read_run(params: Params, folder: Path) -> Run:
    """The run whose tables and comparisons lie in a folder."""
    return Run(
        params=params,
        records=read_table("records", folder),
        metrics=read_table("metrics", folder),
        timings=read_table("timings", folder),
        curves=read_table("curves", folder),
        comparisons=read_comparisons(folder / "comparisons.csv"),
        boards=Leaderboard.model_validate(read_json(folder / "leaderboard.json")).boards,
        claims=read_json(folder / "claims.json"),
        rules=read_json(folder / "rules.json"),
        records_hash=hash_file(folder / "records.parquet"),
    )
