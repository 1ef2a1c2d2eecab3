"""The summary of a run: flat numbers for `dvc metrics show`."""

import math
from collections.abc import Hashable
from typing import Any

import pandas as pd

from maskbank.records.schema import STATUSES
from maskbank.statistics.claim import Claim
from maskbank.statistics.claims import count_verdicts
from maskbank.statistics.comparisons import comparisons, headlines
from maskbank.statistics.facts import Facts
from maskbank.statistics.finding import FAIL, NOT_APPLICABLE, PASS, Verdict
from maskbank.statistics.kept import plain_models
from maskbank.statistics.studies.transfer import foreign
from maskbank.statistics.transfer import DEFAULT, USUAL

RANKS = {status: rank for rank, status in enumerate(STATUSES)}  # the worst of a cell's points is the cell's


def summarise(
    facts: Facts, table: pd.DataFrame, rules: list[Verdict], claims: list[Claim]
) -> dict[str, float | int | str]:
    """Counts of cells by status, mean accuracies, headline differences but for those that a rule forbids in the table.

    What is not known is left out.
    """
    cells = facts.records.assign(rank=facts.records.status.map(RANKS)).groupby("cell_key", sort=False)["rank"].max()
    summary: dict[str, float | int | str] = {
        "records_hash": facts.records_hash,
        "cells": len(cells),
        "points": len(facts.records),
    }
    summary |= {f"cells_{status}": int((cells == rank).sum()) for status, rank in RANKS.items()}
    away = foreign(facts)
    means = plain_rows(facts.records).groupby(["stage", "dataset", "backbone", "recipe", "method"]).accuracy.mean()
    for row in means.reset_index().to_dict("records"):
        words = [row["dataset"]] if row["dataset"] in away else []
        name = "_".join([row["stage"], *words, row["backbone"], row["recipe"], row["method"]])
        summary[f"accuracy_{name}"] = round(row["accuracy"], 6)
    heads = headlines(comparisons(table))
    for row in heads[heads.withheld == ""].to_dict("records"):
        name = f"{row['method']}_minus_{row['rival']}_{setting_slug(row, away)}"
        summary |= {f"headline_{name}": round(row["difference"], 6), f"headline_{name}_p_holm": round(row["p_holm"], 6)}
    summary |= {f"claims_{verdict}": count for verdict, count in count_verdicts(claims).items()}
    for verdict in (PASS, FAIL, NOT_APPLICABLE):
        summary[f"rules_{verdict.replace(' ', '_')}"] = sum(rule.verdict == verdict for rule in rules)
    return {key: value for key, value in summary.items() if not (isinstance(value, float) and math.isnan(value))}


def plain_rows(records: pd.DataFrame) -> pd.DataFrame:
    """Rows of the methods and models as they are: no ablation, no trial, nothing tuned, all training images, no fold."""
    usual = (records.variant == DEFAULT) & (records.tuning == DEFAULT) & records.shots.isna()
    return records[usual & (records.stage != "tune") & plain_models(records)]


def setting_slug(row: dict[Hashable, Any], away: set[str]) -> str:
    """A setting as a part of a name; what is usual of it is left out, but for BN handling and the kind of budget."""
    words = [row["dataset"]] if row["dataset"] in away else []
    words += [row["backbone"], row["allocation"], row["bn"], row["budget_kind"]]
    words += [f"{key}_{row[key]}" for key, usual in USUAL.items() if key != "budget_kind" and row[key] not in usual]
    return "_".join(map(str, words))
