"""The summary of a run: flat numbers for `dvc metrics show`."""

import math

from maskbank.records.schema import STATUSES
from maskbank.statistics.claim import Claim
from maskbank.statistics.claims import count_verdicts
from maskbank.statistics.facts import FAIL, NOT_APPLICABLE, PASS, Facts, Verdict


def summarise(facts: Facts, rules: list[Verdict], claims: list[Claim]) -> dict[str, float | int | str]:
    """Counts of cells by status, mean accuracies, headline differences; what is not known is left out."""
    cells = facts.records.drop_duplicates("cell_key")
    summary: dict[str, float | int | str] = {
        "records_hash": facts.records_hash,
        "cells": len(cells),
        "points": len(facts.records),
    }
    worst = facts.records.groupby("cell_key").status.agg(lambda statuses: max(statuses, key=STATUSES.index))
    summary |= {f"cells_{status}": int((worst == status).sum()) for status in STATUSES}
    means = facts.records.groupby(["stage", "backbone", "recipe", "method"]).accuracy.mean()
    for row in means.reset_index().to_dict("records"):
        name = f"{row['stage']}_{row['backbone']}_{row['recipe']}_{row['method']}"
        summary[f"accuracy_{name}"] = round(row["accuracy"], 6)
    for row in facts.headlines.to_dict("records"):
        setting = f"{row['backbone']}_{row['allocation']}_{row['bn']}_{row['budget_kind']}"
        name = f"{row['method']}_minus_{row['rival']}_{setting}"
        summary |= {f"headline_{name}": round(row["difference"], 6), f"headline_{name}_p_holm": round(row["p_holm"], 6)}
    summary |= {f"claims_{verdict}": count for verdict, count in count_verdicts(claims).items()}
    for verdict in (PASS, FAIL, NOT_APPLICABLE):
        summary[f"rules_{verdict.replace(' ', '_')}"] = sum(rule.verdict == verdict for rule in rules)
    return {key: value for key, value in summary.items() if not (isinstance(value, float) and math.isnan(value))}
