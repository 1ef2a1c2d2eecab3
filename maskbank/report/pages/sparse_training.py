"""The page "Sparse training without dense pretraining, measured": GaP against dense training and other sparse training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from maskbank.hypotheses import Declared, NotWorse
from maskbank.report.order import in_method_order, in_setup_order
from maskbank.report.run import Run
from maskbank.report.studies import FOCUS, Sparse
from maskbank.report.style import label
from maskbank.report.words import counted, how_words, pair_words, removed, span, tallied, task_words
from maskbank.statistics.paired import MIN_CLUSTERS
from maskbank.statistics.sparse_arms import GAPS, IMAGES, NOT_CHOSEN, PARALLEL, SETTING, TASK, in_rate_order
from maskbank.statistics.sparse_curves import first_setup, near_budget, worker_rows

Rows = list[dict[Any, Any]]


def data(run: Run) -> dict[str, Any]:
    given, rows = run.sparse, run.sparse.rows
    if rows.empty:
        return {"rows": rows}
    claims = [claim for claim in run.claims if claim["study"] == "sparse"]
    tasks = rows.drop_duplicates(TASK)
    contrasts, against_dense = given.contrasts, given.contrasts.role == "reference"
    return {
        "rows": rows, "tasks": [task_words(row) for row in tasks.to_dict("records")],
        "metrics": [metric for metric in tasks.metric if metric != IMAGES], "methods": in_method_order(rows),
        "budgets": budgets(rows[rows.role != "reference"]), "patterns": rows[rows.role != "reference"],
        "setups": list(dict.fromkeys(how_words(row) for row in in_setup_order(rows.drop_duplicates(SETTING)).to_dict("records"))),
        "rates": in_rate_order(rows.schedule), "workers": len(worker_rows(run.records)), "least": MIN_CLUSTERS,
        "seeds": rows.groupby([*SETTING, "method", "budget_asked", "schedule"]).seed.nunique(),
        "cells": run.records[run.records.stage.isin(["sparsify", "grow"])], "claims": claims,
        "answers": answers(given, claims, run), "contrasts": contrasts, "few": int((contrasts.n < MIN_CLUSTERS).sum()),
        "dense": lines(contrasts[against_dense]), "best_rivals": lines(contrasts[~against_dense & contrasts.best_rival]),
        "rivals": by_rival(contrasts[~against_dense]), **chosen_rates(given), **costs(given),
    }  # fmt: skip


def budgets(rows: pd.DataFrame) -> list[str]:
    return [removed(budget) for budget in sorted(set(rows.budget_asked), reverse=True)]


def answers(given: Sparse, claims: Sequence[dict[str, Any]], run: Run) -> list[str]:
    """Whether the paper's claims held: verdicts counted, and the differences behind them."""
    declared = {name: each for name, each in run.params.claims.items() if each.study == "sparse"}
    found = []
    for gap in GAPS:
        own = [claim for claim in claims if str(claim["contrast"]).startswith(f"{gap} minus ")]
        for name in dict.fromkeys(claim["hypothesis"] for claim in own):
            same = [claim for claim in own if claim["hypothesis"] == name]
            verdicts = counted([f"**{claim['verdict']}**" for claim in same], "setting")
            behind = differences(given.contrasts, gap, declared[name])
            found.append(f"{label(gap)}: {same[0]['says']}: {verdicts}.{behind}")
    return found


def differences(rows: pd.DataFrame, gap: str, declared: Declared) -> str:
    """The range of what decides a claim over settings, and its verdicts counted."""
    budget = float(declared.where["budget_asked"])
    own = rows[(rows.method == gap) & np.isclose(rows.budget_asked, budget) & rows.difference.notna()]
    rivals = not isinstance(declared, NotWorse)
    own = own[own.best_rival] if rivals else own[own.role == "reference"]
    against = "the best rival by validation" if rivals else "dense"
    return f" At {removed(budget)} against {against}: {tallied(own.to_dict('records'))}." if len(own) else ""


def lines(rows: pd.DataFrame) -> Rows:
    shown = rows.assign(milder=-rows.budget_asked).sort_values(["method", "milder", "rival"], kind="stable")
    return [row | {"pair": pair_words(row)} for row in in_setup_order(shown).to_dict("records")]


def by_rival(rows: pd.DataFrame) -> dict[tuple[str, str], Rows]:
    """(GaP method, rival) -> their contrasts over all settings and sparsities."""
    known = rows[rows.difference.notna()]
    pairs = [
        (gap, rival)
        for gap in GAPS
        for rival in in_method_order(
            known[known.method == gap].drop(columns="method").rename(columns={"rival": "method"})
        )
    ]
    return {
        (gap, rival): known[(known.method == gap) & (known.rival == rival)].to_dict("records") for gap, rival in pairs
    }


def chosen_rates(given: Sparse) -> dict[str, Any]:
    """How often each learning-rate schedule was chosen, and arms that had fewer trials than others."""
    tried = given.choices.groupby([*SETTING, "method", "variant", "budget_asked"]).schedule.transform("nunique")
    several, best = given.choices[tried > 1], given.choices[given.choices.choice != NOT_CHOSEN]
    chosen = several[several.choice != NOT_CHOSEN]
    counts = {rate: int((chosen.schedule == rate).sum()) for rate in in_rate_order(several.schedule)}
    return {"chosen": counts, "arms": len(chosen), "unequal": best[best.lacks != ""].to_dict("records")}


def costs(given: Sparse) -> dict[str, Any]:
    """What arms cost at one sparsity, steps of P-GaP for each sequential one, and the size of packed checkpoints."""
    shown = in_setup_order(first_setup(given.points))
    groups = [group for _, group in shown.groupby(["dataset", "backbone", "setup"], sort=False)]
    rows = [
        row
        for group in groups
        for name in in_method_order(group)
        for row in group[group.method == name].to_dict("records")
    ]
    parallel = given.costs[(given.costs.method == PARALLEL) & given.costs.sequential_steps.gt(0)]
    sizes = near_budget(given.costs[(given.costs.role != "reference") & given.costs.bytes_dense.gt(0)], FOCUS)
    return {
        "costs": rows, "parallel": PARALLEL, "speed": span(parallel.steps / parallel.sequential_steps),
        "packed": span(sizes.bytes_packed / sizes.bytes_dense), "packed_at": budgets(sizes),
    }  # fmt: skip
