"""Claims about GaP (Ma et al., ICLR 2022): it matches dense at 80 % sparsity, and beats other pruning at 90 %."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from maskbank.hypotheses import BeatsSparse, MatchesDense
from maskbank.statistics.claim import Claim, Measured, decided, no_records, stated, unanswered
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
from maskbank.statistics.sparse_arms import DENSE, IMAGES, UNEQUAL, usual_first

Row = Mapping[Any, Any]
NEEDED_SETUPS = ("same-steps", "same-macs")
SETUP_WORDS = {
    "same-steps": "equal steps", "same-macs": "equal training MACs", "paper-schedule": "the paper's schedule",
}  # fmt: skip
Declared = MatchesDense | BeatsSparse
EACH = (
    "single weights, each arm at the learning-rate handling that validation chose; it has to hold under every allocation "
    "that was run"
)


def sparse_claims(name: str, declared: Declared, facts: Facts) -> Iterator[Claim]:
    """For each method, setup, data set and backbone; one without cells is inconclusive, with that reason."""
    found = facts.sparse[facts.sparse.pattern == "unstructured"]
    rivals = isinstance(declared, BeatsSparse)
    tests = (
        "Wilcoxon signed-rank over seeds, better than each rival (and so than the best of them by validation); "
        "contradicted where the best by validation is better"
        if rivals
        else f"one-sided t-test over seeds that the loss stays below {facts.params.compare.margin:.1%}"
    )
    if not facts.sparse_scores:
        yield unanswered(stated(name, declared, f"{' and '.join(declared.methods)} minus others", f"{tests}; {EACH}"))
    for method in declared.methods:
        contrast = f"{method} minus {'each rival' if rivals else DENSE}"
        fixed = stated(name, declared, contrast, f"{tests}; {EACH}")
        own = found[(found.method == method) & (found.role == ("rival" if rivals else "reference"))]
        for (dataset, backbone), metric in sorted(facts.sparse_scores.items()):
            here = own[(own.dataset == dataset) & (own.backbone == backbone)]
            for setup in [each for each in SETUP_WORDS if each in NEEDED_SETUPS or each in set(here.setup)]:
                place = f"{method}-{setup}-{dataset}-{backbone}"
                words = [dataset, backbone, *([] if metric == IMAGES else [metric]), SETUP_WORDS[setup]]
                rows = here[here.setup == setup]
                judgement = Judgement(INCONCLUSIVE, no_records(f"{name}-{place}"))
                judgement = judged(rows, declared, facts) if len(rows) else judgement
                yield decided(fixed, place, ", ".join(words), judgement, measured(rows, declared))


def judged(rows: pd.DataFrame, declared: Declared, facts: Facts) -> Judgement:
    """Of one setup: the verdict on which all allocations at the deciding budget agree."""
    budget = declared.budget
    decisive = rows[np.isclose(rows.budget_asked, budget)]
    if decisive.empty:
        return Judgement(INCONCLUSIVE, f"{budget:g} kept was not run beside it")
    parts = {name: decisive[decisive.allocation == name] for name in usual_first(decisive.allocation)}
    each = {name if len(parts) > 1 else "": part.to_dict("records") for name, part in parts.items()}
    if isinstance(declared, MatchesDense):
        return agreed({name: judge_dense(own, facts) for name, own in each.items()})
    return agreed({name: judge_rivals(own, declared.rivals, facts) for name, own in each.items()})


def judge_dense(rows: list[dict[Any, Any]], facts: Facts) -> Judgement:
    row, params = rows[0], facts.params.compare
    if row["status"] != TESTED:
        return refused(row, facts)
    return beyond_margin(row["not_worse_p"], row["worse_p"], params.margin, params.alpha)


def judge_rivals(rows: list[dict[Any, Any]], needed: Sequence[str], facts: Facts) -> Judgement:
    """Supported: better than each (Berger 1982). Contradicted: worse than the best by validation, the one test of that."""
    each = {row["rival"]: refused(row, facts) for row in rows}
    best = next((row["rival"] for row in rows if row["best_rival"]), "")
    text = "; ".join(
        f"{name}{' (best by validation)' if name == best else ''}: {told.reason}" for name, told in each.items()
    )
    lacking = [name for name in needed if name not in each]
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


def measured(rows: pd.DataFrame, declared: Declared) -> list[Measured]:
    """What decides first, the best rival by validation before others; then other budgets from the mildest on, of that rival."""
    against_dense = isinstance(declared, MatchesDense)
    decides = np.isclose(rows.budget_asked, declared.budget)
    shown = rows[decides | (True if against_dense else rows.best_rival)]
    shown = shown.assign(later=~np.isclose(shown.budget_asked, declared.budget), milder=-shown.budget_asked)
    shown = shown.assign(beside=~shown.best_rival.astype(bool))
    found = []
    for row in shown.sort_values(["later", "milder", "allocation", "beside", "rival"]).to_dict("records"):
        rival = (
            "" if against_dense else f", against {row['rival']}" + (", best by validation" if row["best_rival"] else "")
        )
        rates = row["rate"] if row["rate"] == row["rate_rival"] else f"{row['rate']} and {row['rate_rival']}"
        used = row["not_worse_p"] if against_dense and not row["later"] else row["p"]
        found.append(
            Measured(
                f"keep {row['budget_asked']:g}, {row['allocation']}{rival}, rate {rates}", "seeds", int(row["n"]),
                row["difference"], row["ci_low"], row["ci_high"], row["p"], used, row["minimal_detectable_effect"],
                row["status"], row["missing"],
            )
        )  # fmt: skip
    return found
