"""Sections of the page of one-shot transfer: what selection and banks cost, and how good a bank is."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from maskbank.records.schema import NONE
from maskbank.report.contrasts import counted
from maskbank.report.relations import correlation_text, interval_text, outcome_word, relation_words, similarity_word
from maskbank.report.reliability import REPEATS, banks, latest, pick, spread_text
from maskbank.report.style import label
from maskbank.report.tables import points
from maskbank.report.transfer_material import ROLES, Material, grid, section
from maskbank.statistics.correlation import ACCURACY, INSUFFICIENT, MEASURED, OVERLAP, RELATION

NOT_MEASURED = "not measured"
NO_REPEATS = "no cell of the stage prune says how its masks repeat."


def cost(given: Material) -> str:
    """What each method spends to choose units and to adapt, at the budget that most methods share; and what a bank costs."""
    rows = given.transfer[~given.transfer.dataset.isin(given.foreign)]
    shared = rows[rows.role != "reference"].groupby("budget_asked").method.nunique()
    if shared.empty:
        return section("What it costs", "No pruned cell is in the records.", bank_cost(given))
    budget, steps = float(shared.index[shared == shared.max()].min()), int(rows.steps.max())
    last = rows[(rows.steps == steps) & ((rows.budget_asked == budget) | (rows.role == "reference"))]
    last = last.merge(given.timings[["cell_key", "selection_seconds", "adaptation_seconds"]], on="cell_key", how="left")
    last = last.assign(order=last.role.map(ROLES.index))
    groups = last.groupby(["dataset", "backbone", "tuning", "order", "method"], sort=True)
    machines = given.timings[given.timings.cell_key.isin(last.cell_key)].machine_class.nunique()
    head = (
        "net", "method", "selection MACs", "selection s", f"MACs of {steps} steps", f"s of {steps} steps", "tuning MACs",
        "forward MACs", "cells",
    )  # fmt: skip
    return section(
        "What it costs",
        f"Means over cells at {budget:g} kept (the reference whole), all allocations. Selection is paid once a task, the "
        "bank once for all tasks of its split, tuning once a method. Forward MACs: in percent of the unpruned net's.",
        f"Seconds come from {machines} machine classes and do not compare." if machines > 1 else "",
        grid(head, [cost_line(labels, own) for labels, own in groups]),
        bank_cost(given),
        "Where one method passes another as cost grows: [tables/crossings.md](tables/crossings.md).",
        "![Accuracy against cost](figures/accuracy_by_cost.png)",
    )


def cost_line(labels: Any, own: pd.DataFrame) -> list[str]:
    dataset, backbone, tuning, _, method = map(str, labels)
    share = 100 * (own.macs / own.macs_dense).mean()
    return [
        f"{dataset}, {backbone}" + ("" if tuning in ("default", NONE) else f", {tuning}"), label(method),
        amount(own.selection_macs), amount(own.selection_seconds), amount(own.train_macs), amount(own.adaptation_seconds),
        amount(own.tuning_macs), "–" if pd.isna(share) else f"{share:.1f} %", str(own.cell_key.nunique()),
    ]  # fmt: skip


def amount(values: pd.Series) -> str:
    mean = values.mean()
    return "–" if pd.isna(mean) else f"{mean:.2g}".replace("e+0", "e").replace("e+", "e")


def bank_cost(given: Material) -> str:
    """What the masks of one split's bank cost together."""
    made = given.records[(given.records.stage == "prune") & (given.records.variant == "default")]
    made = made.merge(given.timings[["cell_key", "cpu_seconds"]], on="cell_key", how="left")
    if made.empty:
        return "No cell of the stage prune is in the records, so the bank's cost is not known."
    body = []
    for labels, own in made.groupby(RELATION, sort=True):
        each = own.groupby(["split", "pretrain_seed", "seed"], dropna=False)
        totals = each[["train_macs", "cpu_seconds"]].sum(min_count=1)
        sizes = each.cell_key.nunique()
        body.append(
            [relation_words(labels), f"{sizes.mean():g}", amount(totals.train_macs), amount(totals.cpu_seconds)]
        )
    return grid(("bank", "entries a split", "MACs of a split's bank", "CPU s of a split's bank"), body)


def bank_quality(given: Material) -> str:
    repeats = [(labels, own, repeat_verdict(own)) for labels, own in banks(given.reliability)]
    shown = [
        (row, correlation_verdict(row))
        for row in given.correlations.to_dict("records")
        if row["outcome"] == OVERLAP or row["outcome"].startswith(ACCURACY)
    ]
    known = [each for *_, each in repeats if each != NOT_MEASURED]
    sentences = ["- Overlap of masks under another seed: " + (f"{counted(known, 'bank')}." if known else NO_REPEATS)]
    for left, right in dict.fromkeys((row["similarity"], row["outcome"]) for row, _ in shown):
        verdicts = [each for row, each in shown if (row["similarity"], row["outcome"]) == (left, right)]
        sentences.append(f"- {similarity_word(left)} with {outcome_word(right)}: {counted(verdicts, 'bank')}.")
    return section(
        "How good the bank is",
        "\n".join(sentences),
        grid(
            ("bank", *(f"IoU, {words}" for words, *_ in REPEATS.values()), "own mask − best entry", "in words"),
            [
                [relation_words(labels), *(spread_text(pick(own, measure)) for measure in REPEATS), ceiling_gap(own), each]
                for labels, own, each in repeats
            ],
        ),
        "Mean ± sd over splits and 95 % t-interval. Above chance: the interval of the IoU under another seed lies above that "
        "of chance. Own mask − best entry: points of accuracy of targets; the best entry is chosen on the test images, "
        "which flatters it." if repeats else "",
        grid(
            ("bank", "similarity", "with", "rank correlation", "95 % interval", "n", "in words"),
            [correlation_line(row, each) for row, each in shown],
        )
        or "The stage relate did not run, so what similarity is related to is not known.",
        "In words: by whether the interval holds 0. No test, and no correction for the number of rows." if shown else "",
        "![How good the masks are](figures/reliability.png)" if repeats else "",
        "![What similarity is related to](figures/similarity.png)" if shown else "",
        "![A bank entry by entry](figures/bank_heatmap.png)" if shown else "",
    )  # fmt: skip


def correlation_line(row: Mapping[Any, Any], words: str) -> list[str]:
    return [
        relation_words(row[name] for name in RELATION), similarity_word(row["similarity"]), outcome_word(row["outcome"]),
        correlation_text(row["correlation"]), interval_text(row["ci_low"], row["ci_high"]), str(row["n"]), words,
    ]  # fmt: skip


def ceiling_gap(own: pd.DataFrame) -> str:
    at = latest(own)
    target, best = pick(own, "accuracy_of_own", at), pick(own, "best_entry", at)
    return "–" if target is None or best is None else points(target["mean"] - best["mean"], signed=True)


def repeat_verdict(own: pd.DataFrame) -> str:
    again, chance = pick(own, "iou_reseeded"), pick(own, "iou_random")
    if again is None or chance is None:
        return NOT_MEASURED
    if pd.isna(again.low) or pd.isna(chance.high):
        return "not enough splits"
    return "above chance" if again.low > chance.high else "not shown above chance"


def correlation_verdict(row: Mapping[Any, Any]) -> str:
    if row["status"] != MEASURED:
        return "not enough splits" if row["status"] == INSUFFICIENT else "nothing to rank"
    if row["ci_low"] > 0:
        return "positive"
    return "negative" if row["ci_high"] < 0 else "none shown"
