"""The page "What one-shot transfer buys, measured": contrasts, costs and the bank's quality."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from maskbank.records.schema import NONE
from maskbank.report.contrasts import Row, contrasts, rows_of
from maskbank.report.panels import ROLES
from maskbank.report.reliability import REPEATS, banks, latest, pick
from maskbank.report.run import Run
from maskbank.report.style import label
from maskbank.report.words import (
    NOTHING,
    TASK_SPLIT_WORDS,
    points,
    relation_words,
    setting_title,
    several,
    sign_words,
    spread_text,
    verdict,
)
from maskbank.statistics.correlation import ACCURACY, INSUFFICIENT, MEASURED, OVERLAP, RELATION
from maskbank.statistics.studies.controls import METHOD, REFERENCE
from maskbank.statistics.studies.transfer import BY_TASK_SPLIT, HEADLINE
from maskbank.statistics.transfer import SETTING, transfer_rows
from maskbank.statistics.verdict import HIGHER, LOWER, UNDERPOWERED

QUESTIONS = {  # section -> what is asked in words, left, right
    "What similarity is worth": [
        ("Similar neighbours against the whole bank", METHOD, "universal"),
        ("Similar neighbours against random ones", METHOD, "random_neighbours"),
        ("Similar neighbours against the farthest", METHOD, "farthest"),
        ("The nearest single mask against the farthest neighbours", "nearest", "farthest"),
        ("Several neighbours against the nearest alone", METHOD, "nearest"),
    ],
    "What the identity of units is worth beside layer widths": [
        ("Which units, at the same layer widths", METHOD, "shuffled"),
        ("Units by the bank against units by magnitude, at the same layer widths", METHOD, "magnitude_widths"),
        ("The bank against random units", METHOD, "random"),
    ],
    "What pretrained weights are worth": [
        ("Pretrained weights against random ones, in the same architecture", METHOD, "scratch"),
    ],
    "The ceiling": [
        ("A mask learned on the target itself against the bank", "oracle", METHOD),
        ("The unpruned model against the pruned", REFERENCE, METHOD),
    ],
}


def data(run: Run) -> dict[str, Any]:
    rows = transfer_rows(run.records)
    if rows.empty:
        return {"rows": rows}
    foreign = set(rows.dataset[rows.task_split == "foreign"])  # data sets that no bank was made on
    heads = rows_of(run.contrasts, "transfer", HEADLINE)
    return {
        "rows": rows, "pruned": rows[rows.role != "reference"], "method": run.params.compare.method,
        "methods": {role: sorted(rows.method[rows.role == role].unique()) for role in ROLES},
        "banks": sorted(set(rows.bank[rows.method == run.params.compare.method]) - {NONE}),
        "tasks": task_counts(rows),
        "absent": [name for name in run.params.compare.against if name not in {row["rival"] for row in heads}],
        "claims": [claim for claim in run.claims if claim["study"] == "transfer"],
        **headlines([row for row in heads if row["dataset"] not in foreign], run),
        "questions": answers(run, rows, foreign), **task_splits(run, foreign),
        **costs(run, rows[~rows.dataset.isin(foreign)]), **bank_quality(run), "bank_costs": bank_costs(run),
        "variants": rows_of(run.contrasts, "ablation"),
    }  # fmt: skip


def task_counts(rows: pd.DataFrame) -> list[str]:
    """How many splits and target tasks there are of each kind."""
    tasks = rows.drop_duplicates(["dataset", "split", "task", "task_split"])
    kinds = {words: tasks[tasks.task_split == name] for name, words in TASK_SPLIT_WORDS.items()}
    return [
        f"{words}: {several(len(own.drop_duplicates(['dataset', 'split'])), 'split')}, {several(len(own), 'task')}"
        for words, own in kinds.items()
        if len(own)
    ]


def headlines(rows: Sequence[Row], run: Run) -> dict[str, Any]:
    """Against each rival and control, and which of them lie on one side in every setting."""
    kept = [row | {"setting": setting_title(row, run.comparisons)} for row in rows if row["role"] != "reference"]
    kept.sort(key=lambda row: (row["setting"], row["role"] != "rival", -row["difference"], row["rival"]))
    by_rival: dict[str, list[Row]] = {}
    for row in kept:
        by_rival.setdefault(row["rival"], []).append(row)
    sides = {rival: {verdict(row).split(",")[0] for row in own} for rival, own in by_rival.items()}
    always = {side: [rival for rival, found in sides.items() if found == {side}] for side in (HIGHER, LOWER)}
    rest = [rival for rival in by_rival if rival not in always[HIGHER] + always[LOWER]]
    return {
        "headlines": kept, "by_rival": by_rival, "always": always, "rest": rest,
        "allocations": sorted({row["allocation"] for row in kept}),
    }  # fmt: skip


def answers(run: Run, rows: pd.DataFrame, foreign: set[str]) -> dict[str, list[dict[str, Any]]]:
    """Section -> its questions with their contrasts, on the data sets that banks were made on."""
    known = {METHOD: [run.params.compare.method], REFERENCE: sorted(rows.method[rows.role == "reference"].unique())}
    asked = {
        title: [
            {"words": words, "left": one, "right": other}
            for words, left, right in lines
            for one in known.get(left, [left])
            for other in known.get(right, [right])
        ]
        for title, lines in QUESTIONS.items()
    }
    pairs = [(each["left"], each["right"]) for lines in asked.values() for each in lines]
    found = contrasts(run.contrasts, pairs)
    for each in (each for lines in asked.values() for each in lines):
        each["rows"] = [row for row in found[each["left"], each["right"]] if row["dataset"] not in foreign]
    return asked


def task_splits(run: Run, foreign: set[str]) -> dict[str, Any]:
    """A column for each kind of target task, and data set where it is foreign; a row a setting and rival."""
    rows = run.comparisons[(run.comparisons.kind == BY_TASK_SPLIT) & (run.comparisons.role != "reference")]
    many = rows[~rows.dataset.isin(foreign)].dataset.nunique() > 1
    kinds = sorted(
        set(zip(rows.task_split, rows.dataset, strict=True)),
        key=lambda kind: ([*TASK_SPLIT_WORDS].index(kind[0]), kind),
    )
    body = []
    for _, own in rows.groupby([*(name for name in SETTING if name != "dataset"), "rival"], sort=True):
        cells = {(row["task_split"], row["dataset"]): row for row in own.to_dict("records")}
        first = own.iloc[0].to_dict()
        title = setting_title(first, rows[rows.dataset == first["dataset"]])
        body.append({"setting": title, "rival": first["rival"], "cells": [cells.get(kind) for kind in kinds]})
    heads = [TASK_SPLIT_WORDS[kind] + (f": {label(name)}" if kind == "foreign" or many else "") for kind, name in kinds]
    absent = [words for name, words in TASK_SPLIT_WORDS.items() if name not in {kind for kind, _ in kinds}]
    return {"kinds": heads, "by_kind": body, "kinds_absent": absent}


def costs(run: Run, rows: pd.DataFrame) -> dict[str, Any]:
    """What each method spends to choose units and to adapt, at the budget that most methods share."""
    shared = rows[rows.role != "reference"].groupby("budget_asked").method.nunique()
    if shared.empty:
        return {"costs": []}
    budget, steps = float(shared.index[shared == shared.max()].min()), int(rows.steps.max())
    last = rows[(rows.steps == steps) & ((rows.budget_asked == budget) | (rows.role == "reference"))]
    times = run.timings[["cell_key", "selection_seconds", "adaptation_seconds"]]
    last = last.merge(times, on="cell_key", how="left").assign(order=last.role.map(ROLES.index).to_numpy())
    means = {"selection_macs", "selection_seconds", "train_macs", "adaptation_seconds", "tuning_macs"}
    found = last.assign(share=last.macs / last.macs_dense).groupby(
        ["dataset", "backbone", "tuning", "order", "method"], sort=True
    )
    table = found.agg({**dict.fromkeys(sorted(means | {"share"}), "mean"), "cell_key": "nunique"}).reset_index()
    machines = run.timings[run.timings.cell_key.isin(last.cell_key)].machine_class.nunique()
    return {"costs": table.to_dict("records"), "cost_at": budget, "cost_steps": steps, "machines": machines}


def bank_costs(run: Run) -> list[dict[Any, Any]]:
    """What the masks of one split's bank cost together."""
    made = run.records[(run.records.stage == "prune") & (run.records.variant == "default")]
    made = made.merge(run.timings[["cell_key", "cpu_seconds"]], on="cell_key", how="left")
    found = []
    for labels, own in made.groupby(RELATION, sort=True):
        each = own.groupby(["split", "pretrain_seed", "seed"], dropna=False)
        totals = each[["train_macs", "cpu_seconds"]].sum(min_count=1).mean()
        found.append({"bank": relation_words(labels), "entries": each.cell_key.nunique().mean(), **totals.to_dict()})
    return found


def bank_quality(run: Run) -> dict[str, Any]:
    """How masks repeat, how near the best entry comes to a target's own mask, and what similarity is related to."""
    repeats = [
        {
            "bank": relation_words(labels), "gap": ceiling_gap(own), "verdict": repeat_verdict(own),
            "overlaps": [spread_text(pick(own, measure)) for measure in REPEATS],
        }
        for labels, own in banks(run.reliability)
    ]  # fmt: skip
    related = [
        row | {"bank": relation_words(row[name] for name in RELATION), "verdict": correlation_verdict(row)}
        for row in run.correlations.to_dict("records")
        if row["outcome"] == OVERLAP or row["outcome"].startswith(ACCURACY)
    ]
    verdicts: dict[tuple[str, str], list[str]] = {}
    for row in related:
        verdicts.setdefault((row["similarity"], row["outcome"]), []).append(row["verdict"])
    return {
        "repeats": repeats, "repeated": [row["verdict"] for row in repeats if row["verdict"]],
        "overlaps": [words for words, *_ in REPEATS.values()], "related": related, "related_to": verdicts,
    }  # fmt: skip


def ceiling_gap(own: pd.DataFrame) -> str:
    at = latest(own)
    target, best = pick(own, "accuracy_of_own", at), pick(own, "best_entry", at)
    return NOTHING if target is None or best is None else points(target["mean"] - best["mean"], signed=True)


def repeat_verdict(own: pd.DataFrame) -> str:
    """Whether masks under another seed overlap more than chance; "" where that was not measured."""
    again, chance = pick(own, "iou_reseeded"), pick(own, "iou_random")
    if again is None or chance is None:
        return ""
    if pd.isna(again.low) or pd.isna(chance.high):
        return UNDERPOWERED
    return "above chance" if again.low > chance.high else "not shown above chance"


def correlation_verdict(row: Mapping[Any, Any]) -> str:
    if row["status"] != MEASURED:
        return UNDERPOWERED if row["status"] == INSUFFICIENT else "nothing to rank"
    return sign_words(row["ci_low"], row["ci_high"])
