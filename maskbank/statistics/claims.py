"""The papers' claims (docs/methods.md) as queries on the table of contrasts: of our reading of the method, in this setting."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from maskbank.errors import InputError
from maskbank.hypotheses import Declared
from maskbank.registry import STUDIES
from maskbank.statistics.claim import NOWHERE, Claim, Reading, detectable_of, no_records
from maskbank.statistics.contrasts import decided, of_study
from maskbank.statistics.facts import Facts
from maskbank.statistics.finding import FAIL, Verdict
from maskbank.statistics.judges import CONTRADICTED, INCONCLUSIVE, SUPPORTED
from maskbank.statistics.known_orders import uninformative
from maskbank.statistics.studies.transfer import HEADLINE
from maskbank.statistics.study import Row, parts
from maskbank.statistics.tables import Tables
from maskbank.statistics.transfer import SETTING

SANITY, ROBUST, KNOWN = "X12", "X13", "X16"  # known headline by headline; all other rules are of the whole run


def ruled(facts: Facts, rules: list[Verdict]) -> pd.DataFrame:
    """The table of contrasts, a verdict withheld where a rule of `compare.rules` fails for its headline.

    A failing sanity check (X12) forbids the headlines of its board, an unstable verdict (X13) that headline alone, a known order
    that does not appear (X16) all verdicts of its setting, those of sparse training too.
    """
    needed, known = facts.params.compare.rules, [rule.id for rule in rules]
    unknown = [name for name in needed if name not in known]
    if unknown:
        raise InputError(f"compare.rules = {unknown[0]}: no such rule; choose from {', '.join(known)}")
    failing = [rule.id for rule in rules if rule.id in needed and rule.verdict == FAIL]
    withdrawn = {tuple(board.setting[name] for name in SETTING) for board in facts.boards if board.withdrawn}
    table = facts.contrasts
    heads = table[(table.study == "transfer") & (table.level == HEADLINE)]
    silent = uninformative(table)
    here = {
        KNOWN: silent[heads.index].tolist(),
        SANITY: [names in withdrawn for names in heads[SETTING].itertuples(index=False, name=None)],
        ROBUST: [index in facts.unstable for index in facts.headlines.index],
    }
    withheld = [
        " ".join(name for name in failing if name not in here or here[name][place]) for place in range(len(heads))
    ]
    own = pd.Series(withheld, heads.index, dtype=object).reindex(table.index, fill_value="")
    if KNOWN in failing:
        own = own.mask((table.study == "sparse") & silent, KNOWN)
    return decided(table.assign(withheld=own), facts.params.compare.alpha)


def judge_claims(facts: Facts, table: pd.DataFrame) -> list[Claim]:
    """Every declared hypothesis; one that the records cannot answer is inconclusive, with the reason."""
    return [claim for name, declared in facts.params.claims.items() for claim in judged(name, declared, facts, table)]


def judged(name: str, declared: Declared, tables: Tables, table: pd.DataFrame) -> Iterator[Claim]:
    """The claims of one hypothesis, one a place of its study."""
    reading: Reading = STUDIES.module(declared.study).READING
    rows = asked(declared, tables, table)
    own = rows[rows.arm.isin(arms_of(declared, tables))]
    places = (
        reading.places(own, declared, tables) if reading.places else [labels for labels, _ in parts(own, reading.place)]
    )
    for labels in places:
        here = (rows[list(labels)] == list(labels.values())).all(axis=1)
        yield claim(name, declared, tables, reading, labels, rows[here])
    if not places:
        yield claim(name, declared, tables, reading, {}, own.iloc[:0])


def arms_of(declared: Declared, tables: Tables) -> list[str]:
    return declared.arms or [tables.params.compare.method]


def asked(declared: Declared, tables: Tables, table: pd.DataFrame) -> pd.DataFrame:
    """The rows that a hypothesis asks for, at all budgets: what it says of the budget is what decides."""
    rows = of_study(table, declared.study)
    chosen = rows.arm.isin([*arms_of(declared, tables), *declared.beside])
    chosen &= rows.baseline.isin(declared.baselines) if declared.baselines else rows.role == "rival"
    for label, value in declared.where.items():
        if label != "budget_asked":
            chosen &= rows[label] == value
    return rows[chosen]


def claim(name: str, declared: Declared, tables: Tables, reading: Reading, labels: Row, rows: pd.DataFrame) -> Claim:
    """A hypothesis at one place; without labels: nowhere."""
    full = f"{name}-{reading.name(labels, tables)}" if labels else name
    decisive = rows[(rows.level == reading.level) & rows.arm.isin(arms_of(declared, tables))]
    if "budget_asked" in declared.where:
        decisive = decisive[np.isclose(decisive.budget_asked, float(declared.where["budget_asked"]))]
    lists = decisive.to_dict("records")
    judgement = no_records(full) if rows.empty else reading.weigh(lists, declared, tables)
    same = {key: getattr(declared, key) for key in ("judge", "study", "paper", "says", "reported")}
    test = reading.tests[declared.judge].format(
        margin=tables.params.compare.margin, most=getattr(declared, "most", 0) or 0
    )
    return Claim(
        id=full, hypothesis=name, **same, contrast=reading.contrast(declared, labels, tables), test=test,
        where=reading.where(labels, tables) if labels else NOWHERE, quantity=reading.quantity, verdict=judgement.verdict,
        reason=judgement.reason, detectable=detectable_of(lists, tables.params.compare.alpha, corrected=reading.corrected),
        measured=list(reading.show(rows, declared, tables)) if len(rows) else [],
    )  # fmt: skip


def count_verdicts(claims: list[Claim]) -> dict[str, int]:
    return {
        verdict: sum(claim.verdict == verdict for claim in claims)
        for verdict in (SUPPORTED, CONTRADICTED, INCONCLUSIVE)
    }
