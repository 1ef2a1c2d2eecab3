"""The papers' claims (docs/methods.md) as hypotheses on the records: of our reading of the method, in this setting."""

from collections.abc import Hashable, Iterable
from typing import Any

from maskbank.config import Compare
from maskbank.hypotheses import (
    BeatsInTransfer,
    BeatsSparse,
    BeatsStructured,
    CompressesBetter,
    CostsNoMore,
    CutsSize,
    Declared,
    IsFlatter,
    KeepsRobustness,
    MatchesDense,
)
from maskbank.statistics.bars import barred
from maskbank.statistics.claim import Claim, Measured, decided, stated, unanswered
from maskbank.statistics.contrast import NOT_RUN
from maskbank.statistics.facts import Facts, Verdict
from maskbank.statistics.outcomes import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Judgement, superior
from maskbank.statistics.pairing import setting_words
from maskbank.statistics.paoding import size_claims, structured_claims
from maskbank.statistics.paoding_robustness import robustness_claims
from maskbank.statistics.recipe_claims import compressed_claims, cost_claims, flat_claims
from maskbank.statistics.sparse_claims import sparse_claims


def judge_claims(facts: Facts, rules: list[Verdict]) -> list[Claim]:
    """Every declared hypothesis; one that the records cannot answer is inconclusive, with the reason."""
    return [claim for name, declared in facts.params.claims.items() for claim in judged(name, declared, facts, rules)]


def judged(name: str, declared: Declared, facts: Facts, rules: list[Verdict]) -> Iterable[Claim]:
    """The claims of one hypothesis, one a data set and backbone, or finer."""
    match declared:
        case BeatsInTransfer():
            return transfer_claims(name, declared, facts, rules)
        case CutsSize():
            return size_claims(name, declared, facts)
        case KeepsRobustness():
            return robustness_claims(name, declared, facts)
        case BeatsStructured():
            return structured_claims(name, declared, facts)
        case CompressesBetter():
            return compressed_claims(name, declared, facts)
        case IsFlatter():
            return flat_claims(name, declared, facts)
        case CostsNoMore():
            return cost_claims(name, declared, facts)
        case MatchesDense() | BeatsSparse():
            return sparse_claims(name, declared, facts)


def transfer_claims(name: str, declared: BeatsInTransfer, facts: Facts, rules: list[Verdict]) -> list[Claim]:
    """The compared method against each rival proper, on each backbone.

    It has to hold in every setting in which both were run, under two allocations, and under every tuning of the method.
    """
    params = facts.params.compare
    heads = facts.headlines.assign(barred=barred(facts, rules))
    fixed = stated(
        name, declared, f"{params.method} minus rivals",
        "Wilcoxon signed-rank over splits, Holm over all headline contrasts of a setting, in every setting",
    )  # fmt: skip
    rivals = heads[heads.role == "rival"]
    if rivals.empty:
        return [unanswered(fixed)]
    foreign = set(facts.transfer.dataset[facts.transfer.task_split == "foreign"].unique())
    tuned = facts.transfer[facts.transfer.method == params.method]
    claims = []
    for (dataset, backbone, rival), rows in rivals.groupby(["dataset", "backbone", "rival"], sort=True):
        ran = rows[rows.status != NOT_RUN].to_dict("records")
        if dataset in foreign and not ran:
            continue
        measured = [from_headline(row) for row in ran]
        nets = tuned[(tuned.dataset == dataset) & (tuned.backbone == backbone)]
        tunings = sorted(nets.tuning.unique())
        judgement = over_settings(ran, tunings, params)
        broken = sorted({rule for row in ran for rule in row["barred"].split()})
        if judgement.verdict == SUPPORTED and broken:
            judgement = Judgement(
                INCONCLUSIVE, f"the tests agree, but no headline is given while rules fail: {', '.join(broken)}"
            )
        where = f"{dataset}-{backbone}" if dataset in foreign else backbone
        own = fixed | {"contrast": f"{params.method} minus {rival}"}
        claims.append(decided(own, f"{where}-{rival}", f"{dataset}, {backbone}", judgement, measured))
    return claims


def over_settings(headlines: list[dict[Hashable, Any]], tunings: list[str], params: Compare) -> Judgement:
    """Supported, or contradicted, only when every setting says so.

    At least two allocations are needed, and every one of the method's tunings: a difference that is gone once both are
    tuned was one of tuning.
    """
    if not headlines:
        return Judgement(INCONCLUSIVE, "the two were run in no common setting")
    each = [superior(row["difference"], row["p_holm"], row["status"], params.alpha) for row in headlines]
    verdicts = {judgement.verdict for judgement in each}
    text = "; ".join(f"{setting_words(row)}: {found.reason}" for row, found in zip(headlines, each, strict=True))
    lacking = [tuning for tuning in tunings if tuning not in {row["tuning"] for row in headlines}]
    if len(verdicts) > 1:
        return Judgement(INCONCLUSIVE, f"the settings do not agree ({text})")
    if verdicts == {INCONCLUSIVE}:
        return Judgement(INCONCLUSIVE, text)
    if len({row["allocation"] for row in headlines}) < 2:
        return Judgement(INCONCLUSIVE, f"one allocation only, two are needed ({text})")
    if lacking:
        return Judgement(INCONCLUSIVE, f"the rival was not run with tuning {', '.join(lacking)} ({text})")
    return Judgement(verdicts.pop(), text)


def from_headline(row: dict[Hashable, Any]) -> Measured:
    name = f"{setting_words(row)}, kept {row['budgets']}, T {row['steps_averaged']}"
    return Measured(
        name, "splits", int(row["n"]), row["difference"], row["ci_low"], row["ci_high"], row["p"], row["p_holm"],
        row["minimal_detectable_effect"], row["status"], row["missing"],
    )  # fmt: skip


def count_verdicts(claims: list[Claim]) -> dict[str, int]:
    return {
        verdict: sum(claim.verdict == verdict for claim in claims)
        for verdict in (SUPPORTED, CONTRADICTED, INCONCLUSIVE)
    }
