"""The page "Sparse training without dense pretraining, measured": Markdown, every number taken from the tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from maskbank.hypotheses import BeatsSparse, MatchesDense
from maskbank.report.contrasts import counted, detectable
from maskbank.report.recipe_words import between, p_text
from maskbank.report.sparse_contrasts import pair_words, reading
from maskbank.report.sparse_material import Sparse
from maskbank.report.sparse_sections import cost, rates
from maskbank.report.sparse_words import (
    how_words,
    in_method_order,
    in_setup_order,
    metric_words,
    removed,
    task_words,
    verdict,
)
from maskbank.report.style import label
from maskbank.report.tables import number_range, points
from maskbank.report.transfer_material import distinct, grid, names, section
from maskbank.statistics.contrast import MIN_CLUSTERS
from maskbank.statistics.sparse_arms import GAPS, IMAGES, SETTING, TASK, in_rate_order
from maskbank.statistics.sparse_curves import worker_rows

TITLE = "Sparse training without dense pretraining, measured"
About = Mapping[str, Any]  # alpha, margin, records_hash, and the hypotheses of params
JUDGES = ("dense", "rivals")
Judged = Sequence[Mapping[str, Any]]
DIFFERENCE = (
    "net",
    "setting",
    "removed",
    "GaP − other",
    "difference",
    "95 % interval",
    "n",
    "p Holm",
    "MDE",
    "verdict",
)


def sparse_page(given: Sparse, records: pd.DataFrame, claims: Judged, rules: Judged, about: About) -> str:
    """The whole page. Parts that are missing are said to be missing, in one line each."""
    if given.rows.empty:
        return f"# {TITLE}\n\nThe records hold no sparse training, so there is nothing to tell.\n"
    own = [claim for claim in claims if claim["judge"] in JUDGES]
    opening = (
        "Written by the stage `report` from the records, the metrics, the curves and the timings; no number is typed by hand. "
        "What is said holds for our reading of GaP, in this setting."
    )
    parts = [
        setting(given, records, about), answer(given, own, about), dense(given, about["alpha"]),
        others(given, about["alpha"]), rates(given), cost(given), schedules(given), judged(own), limits(given, rules),
    ]  # fmt: skip
    return "\n\n".join([f"# {TITLE}", opening, reading(about["alpha"], about["margin"]), *parts]) + "\n"


def setting(given: Sparse, records: pd.DataFrame, about: About) -> str:
    rows, workers = given.rows, worker_rows(records)
    tasks = rows.drop_duplicates(TASK).to_dict("records")
    sparse = rows[rows.role != "reference"]
    whole = records[records.stage.isin(["sparsify", "grow"])]
    lines = {
        "data sets and nets": "; ".join(f"{task_words(row)}" for row in tasks),
        "tasks other than images": names(metric_words(row["metric"]) for row in tasks if row["metric"] != IMAGES),
        "methods": names(label(name) for name in in_method_order(rows)),
        "weights removed": names(removed(budget) for budget in sorted(set(sparse.budget_asked), reverse=True)),
        "patterns": distinct(sparse.pattern),
        "allocations": distinct(sparse.allocation),
        "setups": "; ".join(dict.fromkeys(how_words(row) for row in settings_of(sparse))),
        "learning-rate handlings": names(in_rate_order(rows.schedule)),
        "seeds": number_range(rows.groupby([*SETTING, "method", "budget_asked", "schedule"]).seed.nunique()),
        "steps": number_range(rows.steps),
        "workers of P-GaP": str(len(workers)),
        "cells that did not end ok": f"{(whole.status != 'ok').sum()} of {len(whole)}",
        "suite": f"{distinct(whole.suite)}, version {distinct(whole.suite_version)}",
        "profile": distinct(whole.profile),
        "records (SHA-256, first 16 digits)": str(about["records_hash"]),
    }
    figure = "![Accuracy against sparsity](figures/sparse_training.png)"
    return section("Setting", grid(("what", "here"), list(lines.items())), figure)


def settings_of(rows: pd.DataFrame) -> list[dict[Any, Any]]:
    return in_setup_order(rows.drop_duplicates(SETTING)).to_dict("records")


def answer(given: Sparse, claims: Judged, about: About) -> str:
    """Whether the paper's claims held: verdicts counted, and the differences behind them."""
    lines, declared = [], about["hypotheses"]
    for gap in GAPS:
        own = [claim for claim in claims if str(claim["contrast"]).startswith(f"{gap} minus ")]
        for name in dict.fromkeys(claim["hypothesis"] for claim in own):
            same = [claim for claim in own if claim["hypothesis"] == name]
            told = counted([f"**{claim['verdict']}**" for claim in same], "setting")
            behind = differences(given, gap, declared[name], about["alpha"])
            lines.append(f"- {label(gap)}: {same[0]['says']}: {told}.{behind}")
    few = given.contrasts[given.contrasts.n < MIN_CLUSTERS]
    note = (
        f"{len(few)} of {len(given.contrasts)} contrasts have fewer than {MIN_CLUSTERS} seeds: they show a size, and test "
        "nothing."
    )
    return section("Did GaP's claims hold", "\n".join(lines) or "No claim was judged.", note if len(few) else "")


def differences(given: Sparse, gap: str, declared: MatchesDense | BeatsSparse, alpha: float) -> str:
    """The range of what decides a claim over settings, and its verdicts counted."""
    rows = given.contrasts
    own = rows[(rows.method == gap) & np.isclose(rows.budget_asked, declared.budget) & rows.difference.notna()]
    rivals = isinstance(declared, BeatsSparse)
    if rivals:  # one test, of a rival that validation chose: nothing to correct for
        own = own[own.best_rival]
        own = own.assign(p_holm=own.p, can_reject=own.smallest_p <= alpha)
    else:
        own = own[own.role == "reference"]
    against = "the best rival by validation" if rivals else "dense"
    return f" At {removed(declared.budget)} against {against}: {tallied(own, alpha, 'setting')}." if len(own) else ""


def tallied(rows: pd.DataFrame, alpha: float, what: str) -> str:
    low, high = points(rows.difference.min(), signed=True), points(rows.difference.max(), signed=True)
    told = counted([verdict(row, alpha) for row in rows.to_dict("records")], what)
    return f"{low if low == high else f'{low} to {high}'} points; {told}"


def dense(given: Sparse, alpha: float) -> str:
    own = given.contrasts[given.contrasts.role == "reference"]
    body = lines_of(own, alpha)
    return section(
        "Against dense training",
        grid(DIFFERENCE, body) or "GaP was not run beside dense training.",
        "Dense training has the same steps, or at equal training MACs the same cost." if body else "",
    )


def others(given: Sparse, alpha: float) -> str:
    """Against every other method over all sparsities, and against the best rival at each."""
    own, lines = given.contrasts[given.contrasts.role != "reference"], []
    for gap in GAPS:
        known = own[(own.method == gap) & own.difference.notna()]
        for rival in in_method_order(known.drop(columns="method").rename(columns={"rival": "method"})):
            rows = known[known.rival == rival]
            lines.append(f"- {label(gap)} − {label(rival)}: {tallied(rows, alpha, 'contrast')}.")
    return section(
        "Against other sparse training",
        "\n".join(lines) or "GaP was not run beside another method.",
        grid(DIFFERENCE, lines_of(own[own.best_rival], alpha)),
        "Each line of the table is against the rival with the best validation score. All others: "
        "[tables/sparse_contrasts.csv](tables/sparse_contrasts.csv)." if lines else "",
    )  # fmt: skip


def lines_of(rows: pd.DataFrame, alpha: float) -> list[list[str]]:
    shown = rows.assign(milder=-rows.budget_asked).sort_values(["method", "milder", "rival"], kind="stable")
    return [
        [
            task_words(row), how_words(row), removed(row["budget_asked"]), pair_words(row),
            points(row["difference"], signed=True), between(row), str(row["n"]), p_text(row["p_holm"]),
            detectable(row), verdict(row, alpha),
        ]
        for row in in_setup_order(shown).to_dict("records")
    ]  # fmt: skip


def schedules(given: Sparse) -> str:
    known = set(given.course.kind)
    return section(
        "Schedules",
        "![Schedules](figures/sparse_timeline.png)" if "density" in known else "No curve of densities was kept.",
        "![Live parameters](figures/sparse_live.png)" if "live" in known else "",
        "![Densities at the end](figures/sparse_density.png)" if len(given.ends) else "",
    )


def judged(claims: Judged) -> str:
    body = [[claim["id"], claim["where"], claim["says"], claim["verdict"], claim["reason"]] for claim in claims]
    return section(
        "The paper's claims",
        grid(("claim", "where", "says", "verdict", "reason"), body) or "No claim was judged.",
        "A claim is supported, or contradicted, only where every allocation that was run says so." if body else "",
    )


def limits(given: Sparse, rules: Judged) -> str:
    failed = [[rule["id"], rule["title"], rule["looked_at"]] for rule in rules if rule["verdict"] == "fail"]
    seeds = given.rows.groupby([*SETTING, "method", "budget_asked", "schedule"]).seed.nunique()
    fixed = [
        "The paper's claims were made on schedules of about a thousand epochs; these are short, and scaled down in proportion "
        "where a setting says the paper's schedule.",
        "The seed is the unit of every test: trainings of one data set and net. Other data or nets may differ.",
        "A difference that is not shown is not a difference of zero: see the MDE.",
        "Sparsity is simulated by masks: MACs and live parameters are counted, and no time is saved by them.",
        "Adam everywhere, where the papers mostly use SGD. Options of methods other than the learning rate were not tuned here.",
        "Seconds of P-GaP's workers are added up; how far they run side by side depends on the machine.",
    ]
    if (given.rows.metric != IMAGES).any():
        fixed.append("Tasks other than images are on data generated by code: they show that the method runs there.")
    if seeds.max() < MIN_CLUSTERS:
        fixed.insert(0, f"No arm has {MIN_CLUSTERS} seeds: nothing on this page is a test.")
    fails = (
        "Rules of a fair benchmark that fail in this run:"
        if failed
        else "No rule of a fair benchmark fails in this run."
    )
    lines = "\n".join(f"- {text}" for text in fixed)
    return section("What this does not show", lines, fails, grid(("rule", "what it asks", "what was found"), failed))
