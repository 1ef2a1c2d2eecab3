"""Claims about GaP (Ma et al., ICLR 2022): it matches dense at 80 % sparsity, and beats other pruning at 90 %."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from maskbank.statistics.claim import Claim, Measured, no_records, unanswered
from maskbank.statistics.contrast import TESTED
from maskbank.statistics.facts import Facts
from maskbank.statistics.outcomes import (
    CONTRADICTED,
    INCONCLUSIVE,
    SUPPORTED,
    Judgement,
    agreed,
    beyond_margin,
    superior,
)
from maskbank.statistics.sparse_arms import DENSE, GAPS, IMAGES, TASK, UNEQUAL, rate_choices, sparse_rows, usual_first
from maskbank.statistics.sparse_contrasts import sparse_contrasts

Row = Mapping[Any, Any]
RIVALS = "rivals"
BUDGETS = {DENSE: 0.2, RIVALS: 0.1}  # what decides
NEEDED = ("gmp", "imp", "prune_from_dense", "rigl")  # without these nobody has beaten other pruning
NEEDED_SETUPS = ("same-steps", "same-macs")
SETUP_WORDS = {
    "same-steps": "equal steps", "same-macs": "equal training MACs", "paper-schedule": "the paper's schedule",
}  # fmt: skip
FIXED: dict[str, dict[str, str]] = {
    DENSE: {
        "says": "Without dense pretraining, grow-and-prune matches or beats dense at 80 % sparsity",
        "reported": "at or above dense (about 78.3 on ResNet-50)",
    },
    RIVALS: {
        "says": "Grow-and-prune beats other pruning at 90 % sparsity",
        "reported": "ResNet-50 at 90 %: 77.90 non-uniform, 76.35 uniform",
    },
}
EACH = (
    "single weights, each arm at the learning-rate handling that validation chose; it has to hold under every allocation "
    "that was run"
)


def gap_claims(facts: Facts) -> list[Claim]:
    """Each claim for each GaP method, setup, data set and backbone; one without cells is inconclusive, with that reason."""
    rows = sparse_rows(facts.records, facts.metrics)
    found = sparse_contrasts(rows, rate_choices(rows), facts.params.compare)
    found = found[found.pattern == "unstructured"]
    metrics: dict[tuple[Any, Any], str] = dict(rows.groupby(TASK).metric.first().items())  # type: ignore[arg-type]
    return [claim for gap in GAPS for kind in FIXED for claim in claims_of(gap, kind, found, metrics, facts)]


def claims_of(
    gap: str, kind: str, found: pd.DataFrame, metrics: Mapping[tuple[Any, Any], str], facts: Facts
) -> Iterator[Claim]:
    margin = facts.params.compare.margin
    tests = {
        DENSE: f"one-sided t-test over seeds that the loss stays below {margin:.1%}; {EACH}",
        RIVALS: "Wilcoxon signed-rank over seeds, better than each rival (and so than the best of them by validation); "
        f"contradicted where the best by validation is better; {EACH}",
    }
    fixed: dict[str, Any] = {
        "paper": "Ma et al., ICLR 2022, arXiv 2106.09857", **FIXED[kind], "test": tests[kind],
        "contrast": f"{gap} minus {DENSE if kind == DENSE else 'each rival'}",
    }  # fmt: skip
    own = found[(found.method == gap) & (found.role == ("reference" if kind == DENSE else "rival"))]
    if not metrics:
        yield unanswered(f"{gap}-{kind}", fixed)
    for (dataset, backbone), metric in sorted(metrics.items()):
        here = own[(own.dataset == dataset) & (own.backbone == backbone)]
        for setup in [name for name in SETUP_WORDS if name in NEEDED_SETUPS or name in set(here.setup)]:
            name = f"{gap}-{kind}-{setup}-{dataset}-{backbone}"
            words = [dataset, backbone, *([] if metric == IMAGES else [metric]), SETUP_WORDS[setup]]
            rows = here[here.setup == setup]
            judgement = judged(rows, kind, facts) if len(rows) else Judgement(INCONCLUSIVE, no_records(name))
            yield Claim(
                name, **fixed, where=", ".join(words), verdict=judgement.verdict, reason=judgement.reason,
                measured=measured(rows, kind),
            )  # fmt: skip


def judged(rows: pd.DataFrame, kind: str, facts: Facts) -> Judgement:
    """Of one setup: the verdict on which all allocations at the deciding budget agree."""
    budget = BUDGETS[kind]
    decisive = rows[np.isclose(rows.budget_asked, budget)]
    if decisive.empty:
        return Judgement(INCONCLUSIVE, f"{budget:g} kept was not run beside it")
    judge = judge_dense if kind == DENSE else judge_rivals
    parts = {name: decisive[decisive.allocation == name] for name in usual_first(decisive.allocation)}
    return agreed({
        name if len(parts) > 1 else "": judge(part.to_dict("records"), facts) for name, part in parts.items()
    })  # fmt: skip


def judge_dense(rows: list[dict[Any, Any]], facts: Facts) -> Judgement:
    row, params = rows[0], facts.params.compare
    if row["status"] != TESTED:
        return refused(row, facts)
    return beyond_margin(row["not_worse_p"], row["worse_p"], params.margin, params.alpha)


def judge_rivals(rows: list[dict[Any, Any]], facts: Facts) -> Judgement:
    """Supported: better than each (Berger 1982). Contradicted: worse than the best by validation, the one test of that."""
    each = {row["rival"]: refused(row, facts) for row in rows}
    best = next((row["rival"] for row in rows if row["best_rival"]), "")
    text = "; ".join(
        f"{name}{' (best by validation)' if name == best else ''}: {told.reason}" for name, told in each.items()
    )
    lacking = [name for name in NEEDED if name not in each]
    if best and each[best].verdict == CONTRADICTED:
        return Judgement(CONTRADICTED, text, each[best].p)
    if any(told.verdict != SUPPORTED for told in each.values()):
        return Judgement(INCONCLUSIVE, f"not shown better than each rival ({text})")
    if lacking:
        return Judgement(INCONCLUSIVE, f"not run beside it: {', '.join(lacking)} ({text})")
    return Judgement(SUPPORTED, text, max(told.p for told in each.values()))


def refused(row: Row, facts: Facts) -> Judgement:
    """Of "GaP is better": by a two-sided p, or why no test was made."""
    if row["status"] == UNEQUAL:
        return Judgement(INCONCLUSIVE, f"unequal trials, the test is refused ({row['missing']})")
    status = row["status"].replace("seeds", "tasks")
    return superior(row["difference"], row["p"], status, facts.params.compare.alpha, unit="seeds")


def measured(rows: pd.DataFrame, kind: str) -> list[Measured]:
    """What decides first, then other budgets from the mildest on; of rivals there only the best by validation."""
    decides = np.isclose(rows.budget_asked, BUDGETS[kind])
    shown = rows[decides | (rows.best_rival if kind == RIVALS else True)]
    shown = shown.assign(later=~np.isclose(shown.budget_asked, BUDGETS[kind]), milder=-shown.budget_asked)
    found = []
    for row in shown.sort_values(["later", "milder", "allocation", "rival"]).to_dict("records"):
        rival = (
            "" if kind == DENSE else f", against {row['rival']}" + (", best by validation" if row["best_rival"] else "")
        )
        rates = row["rate"] if row["rate"] == row["rate_rival"] else f"{row['rate']} and {row['rate_rival']}"
        used = row["not_worse_p"] if kind == DENSE and not row["later"] else row["p"]
        found.append(
            Measured(
                f"keep {row['budget_asked']:g}, {row['allocation']}{rival}, rate {rates}", "seeds", int(row["n"]),
                row["difference"], row["ci_low"], row["ci_high"], row["p"], used, row["minimal_detectable_effect"],
                row["status"], row["missing"],
            )
        )  # fmt: skip
    return found
