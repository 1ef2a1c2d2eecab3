"""Sparse training: grow-and-prune against each other method and against dense, paired by seed.

Each arm is taken at the learning-rate schedule that validation chose for it, of those that both arms were tried with.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from maskbank.config import Params
from maskbank.hypotheses import Declared, NotWorse, Superior
from maskbank.statistics.axes import SEED, Axes
from maskbank.statistics.claim import Line, Measured, Reading, measured
from maskbank.statistics.judges import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement, agreed, not_worse, superior
from maskbank.statistics.sparse_arms import (
    DENSE,
    GAPS,
    IMAGES,
    SETTING,
    TASK,
    best_rate,
    dense_beside,
    in_line_beside,
    usual_first,
)
from maskbank.statistics.study import Arms, Level, Row, Study, parts
from maskbank.statistics.tables import Tables
from maskbank.statistics.transfer import DEFAULT
from maskbank.statistics.verdict import HIGHER, MARGIN, NOT_SHARED

ARMS = "SPARSIFIERS"  # the registry of what a claim may name
JUDGES = ("superior", "not_worse")

AT = (*SETTING, "budget_asked")


def rows(tables: Tables) -> Iterator[tuple[Row, pd.DataFrame]]:
    """By setting and budget, at every schedule that was tried; the dense reference beside each."""
    every = tables.sparse[tables.sparse.variant == DEFAULT]
    every = every.assign(unit=every.seed.astype(float))
    for labels, group in parts(every[every.role != "reference"], AT):
        dense = dense_beside(every, labels["dataset"], labels["backbone"], labels["setup"])
        beside = pd.concat([in_line_beside(every, group).assign(setup=labels["setup"]), dense])
        yield labels, pd.concat([group.assign(beside=False), beside.assign(beside=True)], ignore_index=True)


def against(rows: pd.DataFrame, params: Params) -> Arms:
    """The dense reference last; what stands beside a setting is compared with, and not in it."""
    roles = dict(zip(rows.method, rows.role, strict=True))
    others = sorted(roles, key=lambda name: (roles[name] == "reference", name))
    gaps = [gap for gap in GAPS if gap in set(rows.method[~rows.beside])]
    return [(gap, other) for gap in gaps for other in others if other != gap]


def at_best_shared(own: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both arms at the best by validation of the schedules that both were tried with; of their own where they share none."""
    shared = set(own.schedule) & set(other.schedule)
    trials = [side[side.schedule.isin(shared)] if shared else side for side in (own, other)]
    left, right = (side[side.schedule == best_rate(side)] for side in trials)
    return left, right


def choices(own: pd.DataFrame, other: pd.DataFrame) -> Row:
    """Of dense it is asked whether it is matched within the margin, of others which is higher."""
    left, right = own.iloc[0], other.iloc[0]
    shared = set(left.tried.split()) & set(right.tried.split())
    lacks = "" if shared else f"{left.method} tried {left.tried}, {right.method} {right.tried}"
    found = {
        "metric": left.metric, "role": right.role, "rate": left.schedule, "rate_baseline": right.schedule, "lacks": lacks,
        "validation": own.validation_score.mean(), "validation_baseline": other.validation_score.mean(),
        "question": MARGIN if right.role == "reference" else HIGHER,
    }  # fmt: skip
    return found | ({"status": NOT_SHARED} if lacks else {})


def marked(family: list[Row]) -> list[Row]:
    """The same rows, of each arm the rival proper with the best validation score marked; ties go to the first by name."""
    for gap in GAPS:
        own = [row for row in family if row["arm"] == gap and row["role"] == "rival" and row["status"] != NOT_SHARED]
        known = [row for row in own if not pd.isna(row["validation_baseline"])]
        if known:
            max(known, key=lambda row: row["validation_baseline"])["best_rival"] = True
    return family


STUDY = Study(
    axes=Axes(AT, "method", ("metric",), SEED, "score"),
    levels=(Level("budget", (), (*AT, "arm", "question")),),
    rows=rows,
    against=against,
    chosen=at_best_shared,
    beside=choices,
    finish=marked,
    shown=(
        "metric",
        "role",
        "rate",
        "rate_baseline",
        "validation",
        "validation_baseline",
        "best_rival",
        "not_worse_p",
        "worse_p",
    ),
)


SETUP_WORDS = {
    "same-steps": "equal steps", "same-line": "equal sequential steps", "same-macs": "equal training MACs",
    "paper-schedule": "proportions of the paper's schedule",
}  # fmt: skip
NEEDED_SETUPS = ("same-steps", "same-macs")
PLACE = ("arm", "setup", "dataset", "backbone")
EACH = (
    "single weights, each arm at the learning-rate schedule that validation chose; it has to hold under every allocation "
    "that was run"
)


def weigh(rows: Sequence[Line], declared: Declared, tables: Tables) -> Judgement:
    """Of one setup: the verdict on which all allocations at the deciding budget agree."""
    if not rows:
        return Judgement(INCONCLUSIVE, f"{declared.where['budget_asked']:g} kept was not run beside it")
    if any(row["withheld"] for row in rows):
        return Judgement(
            INCONCLUSIVE, "known orders do not appear in this setting, so that it gives no verdict (rule X16)"
        )
    names = usual_first(row["allocation"] for row in rows)
    each = {name: [row for row in rows if row["allocation"] == name] for name in names}
    found = {
        name if len(names) > 1 else "": not_worse(own[0], tables.params.compare)
        if isinstance(declared, NotWorse) else over_rivals(own, declared, tables.params.compare.alpha)
        for name, own in each.items()
    }  # fmt: skip
    return agreed(found)


def over_rivals(rows: Sequence[Line], declared: Declared, alpha: float) -> Judgement:
    """Supported: better than each (Berger 1982). Contradicted: worse than any of them, with Holm over the rivals.

    The best by validation is named and no test of its own: it was chosen on the same models.
    """
    each = {row["baseline"]: superior(row, alpha) for row in rows}
    best = next((row["baseline"] for row in rows if row["best_rival"]), "")
    text = "; ".join(
        f"{name}{' (best by validation)' if name == best else ''}: {told.reason}" for name, told in each.items()
    )
    needed = declared.needs if isinstance(declared, Superior) else []
    lacking = [name for name in needed if name not in each]
    worse = [told.p for told in (superior(row, alpha, "p_holm") for row in rows) if told.verdict == CONTRADICTED]
    if worse:
        return Judgement(CONTRADICTED, text, min(worse))
    if any(told.verdict != SUPPORTED for told in each.values()):
        return Judgement(INCONCLUSIVE, f"not shown better than each rival ({text})")
    if lacking:
        return Judgement(INCONCLUSIVE, f"not run beside it: {', '.join(lacking)} ({text})")
    return Judgement(SUPPORTED, text, max(told.p for told in each.values()))


def show(rows: pd.DataFrame, declared: Declared, tables: Tables) -> Iterator[Measured]:
    """What decides first, the best rival by validation before others; then other budgets from the mildest on, of that rival."""
    dense = isinstance(declared, NotWorse)
    later = ~np.isclose(rows.budget_asked, float(declared.where["budget_asked"]))
    rows = rows.assign(later=later, milder=-rows.budget_asked, beside=~rows.best_rival.astype(bool))
    rows = rows if dense else rows[~rows.later | rows.best_rival]
    for row in rows.sort_values(["later", "milder", "allocation", "beside", "baseline"]).to_dict("records"):
        best = ", best by validation" if row["best_rival"] else ""
        rival = "" if dense else f", against {row['baseline']}{best}"
        rates = row["rate"] if row["rate"] == row["rate_baseline"] else f"{row['rate']} and {row['rate_baseline']}"
        used = row["not_worse_p"] if dense and not row["later"] else row["p"]
        words = f"keep {row['budget_asked']:g}, {row['allocation']}{rival}, rate {rates}"
        yield measured(row, words, row["p"], used)


def places(rows: pd.DataFrame, declared: Declared, tables: Tables) -> list[Row]:
    """Each arm, task and setup: equal steps and equal MACs whether they were run or not."""
    found = []
    for arm in declared.arms:
        for dataset, backbone in sorted(set(zip(tables.sparse.dataset, tables.sparse.backbone, strict=True))):
            ran = set(rows.setup[(rows.arm == arm) & (rows.dataset == dataset) & (rows.backbone == backbone)])
            setups = [name for name in SETUP_WORDS if name in NEEDED_SETUPS or name in ran]
            found += [dict(zip(PLACE, (arm, setup, dataset, backbone), strict=True)) for setup in setups]
    return found


def where(labels: Line, tables: Tables) -> str:
    own = tables.sparse[(tables.sparse[TASK] == [labels[name] for name in TASK]).all(axis=1)]
    metric = own.metric.iloc[0]
    words = [*(labels[name] for name in TASK), *([] if metric == IMAGES else [metric]), SETUP_WORDS[labels["setup"]]]
    return ", ".join(words)


def contrast(declared: Declared, labels: Line, tables: Tables) -> str:
    others = DENSE if isinstance(declared, NotWorse) else "each rival"
    return f"{labels['arm']} minus {others}" if labels else f"{' and '.join(declared.arms)} minus others"


READING = Reading(
    level="budget",
    tests={
        "superior": "paired t-test over seeds, better than each rival (and so than the best of them by validation); "
        f"contradicted where one of them is better, with Holm over the rivals; {EACH}",
        "not_worse": f"one-sided t-test over seeds that the loss stays below {{margin:.1%}}; {EACH}",
    },
    weigh=weigh,
    show=show,
    place=PLACE,
    name=lambda labels, tables: "-".join(str(labels[name]) for name in PLACE),
    where=where,
    contrast=contrast,
    places=places,
)
